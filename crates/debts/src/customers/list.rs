//! Who is on a page.

use crate::{Debts, document::Document};
use ficha_contract::Problem;
use ficha_domain::{Cpf, CpfValidation};
use ficha_http::{ListRules, SeedList};
use ficha_people::Person;
use std::ops::ControlFlow;

/// Name and address are sealed: nobody is looked for by them.
pub(super) const RULES: ListRules = ListRules {
    fields: &["id", "debts", "cpf", "name", "address"],
    filters: &["id", "cpf"],
    orders: &["id"],
};

/// Whom a list asks for.
pub(super) struct Wanted {
    pub(super) cpf: Option<Cpf>,
    id: Option<i64>,
    /// It asks for what is never so, such as `id=_None`.
    nobody: bool,
}

impl Wanted {
    pub(super) fn by(list: &SeedList, validation: CpfValidation) -> Result<Self, Problem> {
        let cpf = list.equal("cpf").map(|text| Cpf::parse(text, validation));
        let id =
            list.equal("id").map(|text| text.parse().map_err(|_| Problem::field("id", "takes a number")));
        let nobody = !list.takes_never_null("id") || !list.takes_never_null("cpf");
        Ok(Self { cpf: cpf.transpose().map_err(Problem::invalid_cpf)?, id: id.transpose()?, nobody })
    }
}

impl Debts {
    /// A page. Whoever is named is looked up; otherwise people come in the order of their ids.
    pub(super) async fn customers(&self, list: &SeedList, wanted: &Wanted) -> Result<Vec<Document>, Problem> {
        let found: Vec<Person> = match wanted {
            Wanted { nobody: true, .. } => Vec::new(),
            Wanted { cpf: Some(cpf), .. } => self.0.find(*cpf).await?.into_iter().collect(),
            Wanted { id: Some(id), .. } => self.0.find_id(*id).await?.into_iter().collect(),
            _ => self.page(list).await?,
        };
        let same = |person: &Person| wanted.id.is_none_or(|id| id == person.id);
        found.iter().filter(|person| same(person)).map(Document::read).collect()
    }

    async fn page(&self, list: &SeedList) -> Result<Vec<Person>, Problem> {
        let size = list.page_size;
        let take = move |page: &mut Vec<Person>, person| {
            page.push(person);
            if page.len() < size { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        Ok(self.0.fold(list.newest_first(), Vec::new(), take).await?)
    }
}
