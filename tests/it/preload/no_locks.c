/* A file system without locks, as NFS without lockd: LD_PRELOAD of tests/it/shared_files.rs. */
#include <errno.h>

int flock(int file, int operation) {
    (void)file;
    (void)operation;
    errno = ENOLCK;
    return -1;
}
