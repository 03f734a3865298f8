//! CsrMatrix matrices in compressed rows (CSR).

/// A matrix in compressed rows.
#[derive(Default)]
pub(crate) struct CsrMatrix {
    /// Where each row begins and ends in what follows; there may be room between two.
    pub(super) starts: Vec<usize>,
    pub(super) ends: Vec<usize>,
    pub(super) columns: Vec<u32>,
    pub(super) entries: Vec<f32>,
}

impl CsrMatrix {
    /// Of each row that has entries, its number and its columns and entries.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (usize, &[u32], &[f32])> {
        let rows = self.starts.iter().zip(&self.ends).enumerate();
        rows.filter(|(_, (start, end))| start < end).map(|(number, (&start, &end))| {
            (number, &self.columns[start..end], &self.entries[start..end])
        })
    }

    /// The numbers of the last row and of the last column that have entries; 0 where there is none.
    pub(crate) fn last(&self) -> [usize; 2] {
        let columns = self.rows().map(|(_, columns, _)| columns.iter().copied().max().unwrap_or(0));
        let row = self.rows().map(|(number, ..)| number).last();
        [row.unwrap_or(0), columns.max().unwrap_or(0) as usize]
    }
}
