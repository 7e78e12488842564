//! Forms as they stand in a page.

/// What the form of a page sends along without being asked: the hidden fields of its last form.
pub fn hidden(page: &str) -> Vec<(String, String)> {
    let form = page.rsplit_once("<form").map_or("", |(_, form)| form);
    let fields = form.split("<input type=\"hidden\" name=\"").skip(1);
    let field = |field: &str| {
        let (name, rest) = field.split_once("\" value=\"")?;
        let value = rest.split('"').next()?;
        Some((name.to_owned(), value.replace("&#60;", "<").replace("&#62;", ">").replace("&#38;", "&")))
    };
    fields.filter_map(field).collect()
}
