//! Reads the paths of a source file that lead to another room or to a crate worth watching.
//!
//! It works on tokens, so comments and strings do not count, while macros and code behind `cfg` do.

use proc_macro2::{Delimiter, LexError, Spacing, TokenStream, TokenTree};

/// Where a file, or a module in it, stands in the crate: `["store", "postgres"]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    modules: Vec<String>,
    room: String,
    head: bool,
}

impl Place {
    /// The place of a file such as `src/store/postgres/mod.rs`.
    pub fn of(path: &str) -> Self {
        let inner = path.strip_prefix("src/").unwrap_or(path);
        let inner = inner.strip_suffix(".rs").unwrap_or(inner);
        let mut modules: Vec<String> = inner.split('/').map(str::to_owned).collect();
        let room = modules[0].clone();
        let is_mod = modules.last().is_some_and(|last| last == "mod");
        if is_mod {
            modules.pop();
        }
        let top = ["lib", "main"].contains(&room.as_str());
        let head = modules.len() == 1 && !top;
        if top {
            modules.clear();
        }
        Self { modules, room, head }
    }

    /// The room: the first part of the path; `lib` and `main` for the two roots.
    pub fn room(&self) -> &str {
        &self.room
    }

    /// Whether this is the library's root.
    pub fn is_root(&self) -> bool {
        self.room == "lib"
    }

    /// Whether this is where a room begins.
    pub fn is_head(&self) -> bool {
        self.head
    }
}

/// A path or a name found in a file.
#[derive(Debug)]
pub struct Reference {
    /// Where it leads.
    pub to: To,
    /// Its line, from 1.
    pub line: usize,
}

/// Where a path leads.
#[derive(Debug, PartialEq, Eq)]
pub enum To {
    /// To a name in the crate's root.
    Room(String),
    /// To the crate's root itself, under another name or with all that is in it.
    WholeCrate,
    /// Somewhere, by a `use` in the library's root.
    RootImport,
    /// Wherever this name leads: it may be a crate's.
    Crate(String),
}

/// All paths of a file that a rule may have something to say about.
pub fn references(place: &Place, text: &str) -> Result<Vec<Reference>, LexError> {
    let mut found = Vec::new();
    walk(text.parse()?, &place.modules, place.is_root(), &mut found);
    Ok(found)
}

/// Goes through the tokens of a module or of any group within.
fn walk(tokens: TokenStream, modules: &[String], is_root: bool, found: &mut Vec<Reference>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut at = 0;
    while at < tokens.len() {
        let before = &tokens[..at];
        match &tokens[at] {
            TokenTree::Group(group) => {
                let mut inner = modules.to_vec();
                // `mod name { … }` is one module deeper, for `super`.
                if group.delimiter() == Delimiter::Brace
                    && let [.., TokenTree::Ident(word), TokenTree::Ident(name)] = before
                    && word == "mod"
                {
                    inner.push(name.to_string());
                }
                walk(group.stream(), &inner, is_root, found);
            }
            TokenTree::Ident(name) if is_root && name == "use" => {
                found.push(Reference { to: To::RootImport, line: name.span().start().line });
            }
            TokenTree::Ident(_) => at += begin(&tokens[at..], modules, found),
            _ => {}
        }
        at += 1;
    }
}

/// Looks at a name, which may begin a path; answers how many tokens after the first it has used up.
fn begin(tokens: &[TokenTree], modules: &[String], found: &mut Vec<Reference>) -> usize {
    let TokenTree::Ident(first) = &tokens[0] else { return 0 };
    let line = first.span().start().line;
    let start = match first.to_string().as_str() {
        "crate" | "guildsync" => Some(Vec::new()),
        "super" => Some(modules[..modules.len().saturating_sub(1)].to_vec()),
        "self" => Some(modules.to_vec()),
        name => {
            found.push(Reference { to: To::Crate(name.to_owned()), line });
            None
        }
    };
    start.map_or(0, |start| follow(&tokens[1..], &start, line, found))
}

/// Follows a path from the module it has reached so far; answers how many tokens it has used up. Groups it has read itself count.
fn follow(tokens: &[TokenTree], at: &[String], line: usize, found: &mut Vec<Reference>) -> usize {
    if let Some(TokenTree::Ident(word)) = tokens.first()
        && word == "as"
        && at.is_empty()
    {
        found.push(Reference { to: To::WholeCrate, line });
    }
    if !starts_with_colons(tokens) {
        return 0;
    }
    let used = match tokens.get(2) {
        Some(TokenTree::Ident(name)) if name == "super" => 1 + follow(&tokens[3..], &parent(at), line, found),
        Some(TokenTree::Ident(name)) => {
            leads_to(at, &name.to_string(), name.span().start().line, found);
            1
        }
        Some(TokenTree::Punct(star)) if star.as_char() == '*' => {
            leads_to(at, "*", line, found);
            1
        }
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
            let tokens: Vec<TokenTree> = group.stream().into_iter().collect();
            let is_comma = |token: &TokenTree| matches!(token, TokenTree::Punct(p) if p.as_char() == ',');
            for branch in tokens.split(is_comma).filter(|branch| !branch.is_empty()) {
                follow_branch(branch, at, found);
            }
            1
        }
        _ => 0,
    };
    2 + used
}

/// One of the branches of `{a::b, self, super::c, *}`.
fn follow_branch(branch: &[TokenTree], at: &[String], found: &mut Vec<Reference>) {
    let line = branch[0].span().start().line;
    match &branch[0] {
        TokenTree::Ident(name) if name == "super" => {
            follow(&branch[1..], &parent(at), line, found);
        }
        TokenTree::Ident(name) if name == "self" => {
            follow(&branch[1..], at, line, found);
        }
        TokenTree::Punct(_) => leads_to(at, "*", line, found),
        token => leads_to(at, &token.to_string(), line, found),
    }
}

/// The path goes on to `name` from a module. That matters only in the crate's root.
fn leads_to(at: &[String], name: &str, line: usize, found: &mut Vec<Reference>) {
    if at.is_empty() {
        let to = if name == "*" { To::WholeCrate } else { To::Room(name.to_owned()) };
        found.push(Reference { to, line });
    }
}

fn parent(at: &[String]) -> Vec<String> {
    at[..at.len().saturating_sub(1)].to_vec()
}

fn starts_with_colons(tokens: &[TokenTree]) -> bool {
    matches!(tokens, [TokenTree::Punct(a), TokenTree::Punct(b), ..]
        if a.as_char() == ':' && a.spacing() == Spacing::Joint && b.as_char() == ':')
}
