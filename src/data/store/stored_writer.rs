//! A file of images while it is decoded. It may end at any moment and goes on later: what is in its table and has the
//! checksum that stands there is not decoded again.

use std::fs::OpenOptions;
use std::io::Result;
use std::path::Path;

use super::layout::{Header, Layout, Row, TABLE, rows};
use super::positioned::Positioned;
use super::source::OnDemand;
use crate::util::parallel::try_map;

/// The file.
pub(super) struct StoredWriter {
    file: Positioned,
    layout: Layout,
    /// Rows that were there.
    rows: Vec<Row>,
}

impl StoredWriter {
    /// Begins the file at `path`, or goes on with it.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn open(path: &Path, layout: Layout) -> Result<Self> {
        // Not truncated: where the file system has no locks another process may be at it, which writes the same.
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let end = layout.image(layout.count);
        let is_ours = |file: &Positioned| {
            let mut head = [0; TABLE as usize];
            file.read_exact_at(&mut head, 0).is_ok() && head == Header::begun(layout).to_bytes()
        };
        let length = file.metadata()?.len();
        let file = Positioned::new(file);
        if !is_ours(&file) || length != end {
            file.with(|file| file.set_len(0).and_then(|()| file.set_len(end)))?;
            file.write_all_at(&Header::begun(layout).to_bytes(), 0)?;
        }
        let mut table = vec![0; layout.table()];
        file.read_exact_at(&mut table, TABLE)?;
        Ok(Self { file, layout, rows: rows(&table) })
    }

    /// How many images its table says are there.
    pub fn begun(&self) -> usize {
        self.rows.iter().filter(|row| row.is_there).count()
    }

    /// Decodes the images of `source` that are not there yet, with all threads; `note` is told of each. Those that
    /// cannot be read are returned, with the reason.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn fill(
        &mut self,
        source: &OnDemand,
        note: impl Fn() + Sync,
    ) -> Result<Vec<(usize, String)>> {
        let done = try_map(self.rows.len(), |index| {
            let done = self.fill_image(source, index, self.rows[index]);
            note();
            done
        });
        let (mut left_out, mut rows) = (Vec::new(), Vec::new());
        for (index, done) in done?.into_iter().enumerate() {
            rows.push(*done.as_ref().unwrap_or(&Row::default()));
            left_out.extend(done.err().map(|why| (index, why)));
        }
        self.rows = rows;
        Ok(left_out)
    }

    fn fill_image(
        &self,
        source: &OnDemand,
        index: usize,
        row: Row,
    ) -> Result<std::result::Result<Row, String>> {
        let position = self.layout.image(index as u64);
        if row.is_there {
            let mut image = vec![0; self.layout.size as usize];
            self.file.read_exact_at(&mut image, position)?;
            if Row::of(&image) == row {
                return Ok(Ok(row));
            }
        }
        let image = match source.decode(index) {
            Ok(image) => image,
            Err(why) => return Ok(Err(why)),
        };
        let row = Row::of(&image);
        self.file.write_all_at(&image, position)?;
        self.file.write_all_at(&row.to_bytes(), self.layout.row(index))?;
        Ok(Ok(row))
    }

    /// Ends the file of `key`, on the disk.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn finish(self, key: &str, left_out: &[(usize, String)]) -> Result<()> {
        let notes = serde_json::to_vec(left_out)?;
        let table = self.rows.iter().flat_map(|row| row.to_bytes()).collect::<Vec<_>>();
        self.file.write_all_at(&table, TABLE)?;
        self.file.write_all_at(&notes, self.layout.image(self.layout.count))?;
        self.file.with(|file| file.sync_all())?;
        // The header last.
        let mut header = Header { notes: notes.len() as u64, ..Header::begun(self.layout) };
        header.digest = header.digest_of(key, &table, &notes);
        self.file.write_all_at(&header.to_bytes(), 0)?;
        self.file.with(|file| file.sync_all())
    }
}
