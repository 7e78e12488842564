//! Lists as CSV, for spreadsheets and programs.
//!
//! Enters: rows, a page of them after the other. Leaves: a file as it comes about (RFC 4180, UTF-8); memory holds one page. What begins
//! as a formula would gets an apostrophe before it, because names are chosen by strangers and spreadsheets run what they open. The file
//! begins with a byte order mark: without it, spreadsheets take its text for another encoding.

use std::io;
use std::sync::Arc;

use futures::stream;
use poem::http::{StatusCode, header};
use poem::{Body, Response};

use super::App;
use super::refusal::Refusal;
use crate::domain::is_visible;
use crate::store::StoreError;

/// Rows that are read at a time.
pub(in crate::http) const ROWS: i64 = 1_000;
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// A list that is written page by page.
pub(in crate::http) trait Pages: Send + 'static {
    /// The names of its columns.
    const COLUMNS: &'static [&'static str];

    /// The next page; empty at the end.
    fn next(&mut self, app: &App) -> impl Future<Output = Result<Vec<Vec<String>>, StoreError>> + Send;
}

/// The list as a file. The first page is read before anything is answered, so that a ledger which is away shows as such.
pub(in crate::http) async fn answer<P: Pages>(app: &Arc<App>, name: &str, mut pages: P) -> Result<Response, Refusal> {
    let first = pages.next(app).await?;
    let head = lines([P::COLUMNS.iter().map(|column| (*column).to_owned()).collect()].into_iter().chain(first));
    let more = stream::try_unfold((Arc::clone(app), pages), async |(app, mut pages)| {
        if app.state.hurry.is_cancelled() {
            return Err(io::Error::other("the server stops"));
        }
        let rows = pages.next(&app).await.map_err(|error| {
            tracing::warn!(%error, "an export is broken off");
            io::Error::other(error)
        })?;
        if rows.is_empty() { Ok(None) } else { Ok(Some((lines(rows)?, (app, pages)))) }
    });
    let mark = Ok(BYTE_ORDER_MARK.as_bytes().to_vec());
    let whole = stream::StreamExt::chain(stream::iter([mark, head]), more);
    Ok(Response::builder()
        .status(StatusCode::OK)
        .content_type("text/csv; charset=utf-8; header=present")
        .header(header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}.csv\""))
        .body(Body::from_bytes_stream(whole)))
}

fn lines(rows: impl IntoIterator<Item = Vec<String>>) -> io::Result<Vec<u8>> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    for row in rows {
        writer.write_record(row.iter().map(|cell| safe(cell)))?;
    }
    writer.into_inner().map_err(|error| io::Error::other(error.to_string()))
}

/// A cell that no spreadsheet takes for a formula. Some skip what does not show before they look, and some read full-width signs.
fn safe(cell: &str) -> String {
    let begins = cell.trim_start_matches(|c| !is_visible(c));
    let is_formula = begins.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']) || cell.starts_with(['\t', '\r', '\n']);
    if is_formula { format!("'{cell}") } else { cell.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_none_is_a_formula() {
        let rows =
            [["=1+1", "+1", "-1"], ["@SUM(A1)", "\tx", "\rx"], ["a,b", "say \"hi\"", "two\nlines"], ["", "1=1", " plain "]];
        let text = lines(rows.map(|row| row.map(str::to_owned).to_vec())).unwrap();
        let expected =
            "'=1+1,'+1,'-1\r\n'@SUM(A1),'\tx,\"'\rx\"\r\n\"a,b\",\"say \"\"hi\"\"\",\"two\nlines\"\r\n,1=1, plain \r\n";
        assert_eq!(String::from_utf8(text).unwrap(), expected);
    }

    #[test]
    fn a_formula_is_found_behind_what_does_not_show_and_in_full_width() {
        for formula in [
            " =1",
            "\u{200b}=1",
            "\u{feff}+1",
            "\u{202e}@x",
            "\u{0}\u{1}-1",
            "\u{a0}\u{3164}=1",
            "＝1",
            "＋1",
            "－1",
            " ＠x",
            "\nx",
        ] {
            assert_eq!(safe(formula), format!("'{formula}"), "{formula:?}");
        }
        for plain in ["", " ", "anna", " anna", "a=1", "\u{200b}anna", "'=1", "—1"] {
            assert_eq!(safe(plain), plain);
        }
    }
}
