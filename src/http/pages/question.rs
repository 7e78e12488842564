//! What is asked before an act that touches many, or somebody's rights.
//!
//! Enters: the form of an act, not agreed to yet. Leaves: a page with the question, whose button sends the same form once more with the word
//! that it is meant. Nothing of it needs script.

use askama::Template;
use poem::Response;
use poem::http::StatusCode;

use super::acting::Acting;
use super::names as filters;
use super::refusal::Refusal;
use super::session::Viewer;
use super::shell::{Section, Shell, html};

/// The field by which a form says that its sender was asked.
const AGREED: &str = "agreed";

/// A question, and the form that is sent once it is agreed to.
pub(in crate::http) struct Question {
    pub(in crate::http) section: Section,
    /// With the number of those whom it is about. Nobody's name stands in it.
    pub(in crate::http) title: String,
    /// What it is about: what it is called, and the name or id, which strangers may have chosen.
    pub(in crate::http) facts: Vec<(&'static str, String)>,
    /// What comes of it, and whether it can be taken back.
    pub(in crate::http) text: String,
    /// What the form said, to be sent again.
    pub(in crate::http) fields: Vec<(&'static str, String)>,
    pub(in crate::http) button: &'static str,
    /// Where nothing is done.
    pub(in crate::http) back: String,
}

#[derive(Template)]
#[template(path = "question.html")]
struct QuestionPage<'a> {
    shell: Shell<'a>,
    viewer: &'a Viewer,
    question: &'a Question,
    agreed: &'static str,
}

impl Acting {
    /// Whether the sender of the form was asked, and means it.
    pub(in crate::http) fn has_agreed(&self) -> bool {
        self.form.field(AGREED) == "1"
    }

    /// Asks. Nothing is done yet.
    pub(in crate::http) fn ask(&self, question: &Question) -> Result<Response, Refusal> {
        let shell = Shell::new(Some(&self.viewer), question.section);
        let page = QuestionPage { shell, viewer: &self.viewer, question, agreed: AGREED };
        Ok(html(StatusCode::OK, page.render()?))
    }
}
