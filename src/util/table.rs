//! Tables of text.

/// Lines below `head`, two spaces between columns: numbers at the right, all else and the
/// columns called as in `left` at the left.
pub(crate) fn columns(head: &[&str], lines: &[Vec<String>], left: &[&str]) -> String {
    let width = |at: usize| {
        let cells = lines.iter().map(|line| line[at].chars().count());
        cells.chain([head[at].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..head.len()).map(width).collect();
    // A marked number is one.
    let is_number = |text: &str| text == "-" || text.trim_end_matches('*').parse::<f64>().is_ok();
    let is_right =
        |at: usize| !left.contains(&head[at]) && lines.iter().all(|line| is_number(&line[at]));
    let right: Vec<_> = (0..head.len()).map(is_right).collect();
    let render = |cells: &mut dyn Iterator<Item = &str>| {
        let cells = cells.enumerate().map(|(at, cell)| match right[at] {
            true => format!("{cell:>0$}", widths[at]),
            false => format!("{cell:<0$}", widths[at]),
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let mut text = render(&mut head.iter().copied());
    for line in lines {
        text.push('\n');
        text += &render(&mut line.iter().map(String::as_str));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_at_the_right() {
        let lines =
            [["one", "1.5"], ["second", "10.25"]].map(|line| line.map(str::to_owned).to_vec());
        let text = columns(&["name", "x"], &lines, &[]);
        assert_eq!(text, "name        x\none       1.5\nsecond  10.25");
        let lines = [["7", "1"], ["10", "2"]].map(|line| line.map(str::to_owned).to_vec());
        assert_eq!(columns(&["class", "n"], &lines, &["class"]), "class  n\n7      1\n10     2");
    }
}
