#!/usr/bin/env bash
# A bundle of all that an hour with a GPU needs, made on a machine without one: the program, its tests and its
# benchmark with the C library that they were linked against, CUDA's libdevice, MNIST, and benches/gpu.py, which runs it.
#
#     benches/gpu.sh bundle BUNDLE.tar.xz --mnist FOLDER --libdevice FILE [--root ROOT]
#     tar -xJf BUNDLE.tar.xz -C FOLDER && python3 FOLDER/gpu.py FOLDER --out results.json       # there
#
# FILE is libdevice.10.bc of a CUDA toolkit or of NVIDIA's Python wheel nvidia-cuda-nvcc-cu12 (nvidia/cuda_nvcc/nvvm/libdevice).
# ROOT is a root with LLVM 23 in which cargo runs, as .ci/llvm-root makes it; without it the build is as docs/gpu.md says.
# The other machine needs NVIDIA's driver, Python and, to compare, PyTorch; `--device cube-cpu:0` rehearses without them.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() { printf 'error: %s\n' "$*" >&2; exit 2; }

[ "${1:-}" = bundle ] && [ $# -ge 2 ] || { sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2; }
bundle=$2 mnist="" libdevice="" root=""
shift 2
while [ $# -gt 0 ]; do
    case $1 in
    --mnist) mnist=$2 ;;
    --libdevice) libdevice=$2 ;;
    --root) root=$2 ;;
    *) fail "what is $1?" ;;
    esac
    shift 2
done
[ -f "$libdevice" ] || fail "--libdevice: there is no file '$libdevice'"
[ -f "$mnist/train-images-idx3-ubyte.gz" ] || fail "--mnist: there is no train-images-idx3-ubyte.gz in '$mnist'"

# The command here, or in the root.
run() { if [ -n "$root" ]; then .ci/llvm-root run "$root" "$@"; else "$@"; fi; }

target=$PWD/target/gpu
features=cuda,cube-cpu
run env CARGO_TARGET_DIR="$target" cargo build --release --locked --features $features --bin dytb --bench peer
run env CARGO_TARGET_DIR="$target" cargo test --release --locked --features $features --test it --no-run

# The newest of cargo's programs of this name.
newest() { find "$target/release/deps" -name "$1-*" -type f -executable -printf '%T@ %p\n' | sort -n | tail -n 1 | cut -d' ' -f2; }

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir -p "$folder"/{bin,lib,mnist,cuda/nvvm/libdevice}
cp "$target/release/dytb" "$folder/bin/dytb"
cp "$(newest peer)" "$folder/bin/peer"
cp "$(newest it)" "$folder/bin/it"
strip "$folder"/bin/*
run ldd "$target/release/dytb" | grep -o '/[^ ]*\.so[^ ]*' | sort -u | while read -r library; do
    cp -L "$root$library" "$folder/lib/"
done
cp "$libdevice" "$folder/cuda/nvvm/libdevice/libdevice.10.bc"
cp "$mnist"/*-ubyte.gz "$folder/mnist/"
cp benches/gpu.py benches/torch_models.py "$folder/"
mkdir -p "$(dirname "$bundle")"
# A large dictionary: the programs have most of their code in common.
tar -C "$folder" -c . | xz -T1 --lzma2=preset=3,dict=256MiB -c >"$bundle"
echo "$bundle: $(($(stat -c %s "$bundle") / 1000000)) MB"
