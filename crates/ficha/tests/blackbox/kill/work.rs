//! One connection's work until the server is gone.

use super::{
    Fuse,
    check::Tally,
    model::{self, Chance, Person},
};
use crate::server::{Answer, Line};
use reqwest::Method;
use serde_json::{Value, json};
use std::{collections::HashMap, sync::Arc};

/// Whom a worker writes and reads about; nobody else does.
const PEOPLE: u64 = 10;

/// After a kill, what did not need who is gone is answered so often, before that comes back.
const AFTERWARDS: usize = 10;

/// Something that is asked of the server.
#[derive(Clone)]
pub struct Op {
    pub who: usize,
    method: Method,
    path: String,
    body: Option<Value>,
    key: Option<String>,
    /// The answer is a consultation.
    pub consults: bool,
    /// The person, once it is done.
    pub after: Person,
}

pub struct Worker {
    name: u64,
    chance: Chance,
    pub people: Vec<(String, Person)>,
    /// Ids by what is unique in each thing: a debt's value, a movement's description.
    ids: HashMap<String, Value>,
    /// Everything that was made so far, for names that are used once.
    made: u64,
    /// Consultations that were answered: whom, and the request's id.
    pub consulted: Vec<(usize, String)>,
    /// Looks at lists: recorded under ids that nobody is told.
    pub glances: usize,
    /// Kept dossiers: id and text.
    pub kept: Vec<(String, String)>,
    /// The last write that was acknowledged, with its answer.
    pub last_write: Option<(Op, Answer)>,
    /// What was asked when the kill came.
    pub pending: Option<Op>,
    pub writes: usize,
    /// What its checks saw.
    pub tally: Tally,
}

impl Op {
    /// The whole answer, or an error: then nobody knows.
    pub async fn send(&self, line: &Line) -> reqwest::Result<Answer> {
        let mut request = line.request(self.method.clone(), &self.path);
        if let Some(body) = &self.body {
            request = request.json(body);
        }
        if let Some(key) = &self.key {
            request = request.header("Idempotency-Key", key);
        }
        line.send(request).await
    }
}

impl Worker {
    pub fn new(name: u64, chance: Chance) -> Self {
        let population = ficha_population::Population::new(1, jiff::civil::date(2026, 11, 22));
        let person = |number| (population.cpf(name * PEOPLE + number).to_string(), Person::default());
        Self {
            name,
            chance,
            people: (0..PEOPLE).map(person).collect(),
            ids: HashMap::new(),
            made: 0,
            consulted: Vec::new(),
            glances: 0,
            kept: Vec::new(),
            last_write: None,
            pending: None,
            writes: 0,
            tally: Tally::default(),
        }
    }

    /// Until something is not answered, or is answered with "not now": then nobody knows.
    pub async fn until_killed(mut self, line: Line, fuse: Arc<Fuse>) -> Self {
        let mut afterwards = 0;
        while afterwards < AFTERWARDS {
            let op = self.choose();
            match op.send(&line).await {
                Ok(answer) if answer.status != 503 || !fuse.is_burnt() => self.note(op, answer),
                _ => {
                    self.pending = Some(op);
                    break;
                }
            }
            fuse.burn();
            afterwards += usize::from(fuse.is_over());
        }
        self
    }

    /// What the server said counts from now on.
    pub fn note(&mut self, op: Op, answer: Answer) {
        let fine = answer.status.is_success() || op.consults && answer.status == 404;
        assert!(fine, "{} {}: {} {}", op.method, op.path, answer.status, answer.text);
        if op.consults {
            self.consulted.push((op.who, answer.header("x-request-id").to_owned()));
        }
        if !answer.text.is_empty() {
            self.note_ids(&answer.json());
        }
        if op.path == "/dossies" && op.body.is_some() {
            self.kept.push((answer.json()["id"].as_str().unwrap().to_owned(), answer.text.clone()));
        }
        self.people[op.who].1 = op.after.clone();
        if op.key.is_some() {
            self.writes += 1;
            self.last_write = Some((op, answer));
        }
    }

    fn note_ids(&mut self, json: &Value) {
        let things = json["debts"].as_array().into_iter().flatten().chain([json]);
        for thing in things {
            let unique = [&thing["description"], &thing["value"]].into_iter().find_map(Value::as_str);
            if let Some(unique) = unique {
                self.ids.insert(unique.to_owned(), thing["id"].clone());
            }
        }
    }

    fn choose(&mut self) -> Op {
        let who = self.chance.below(PEOPLE) as usize;
        let person = self.people[who].1.clone();
        match self.chance.below(16) {
            0..2 => self.put_debts(who),
            2..4 if person.debts.is_some() => self.add_debt(who),
            4 if !person.owed().is_empty() => self.remove_debt(who),
            5 if person.debts.is_some() => {
                self.write(who, Method::DELETE, "/divida/{}", None, Person { debts: None, ..person })
            }
            6..8 => self.put_score(who),
            8 if person.score.is_some() => {
                self.write(who, Method::DELETE, "/score/{}", None, Person { score: None, ..person })
            }
            9..11 => self.add_movement(who),
            11 if !person.movements.is_empty() => self.change_movement(who),
            12 if person.debts.is_some() || person.score.is_some() => self.keep_dossier(who),
            _ => {
                let at = self.chance.below(4) as usize;
                self.read(who, ["/divida/{}", "/score/{}", "/evento/{}", "/dossie/{}"][at])
            }
        }
    }

    fn write(&mut self, who: usize, method: Method, path: &str, body: Option<Value>, after: Person) -> Op {
        let (path, key) = (path.replace("{}", &self.people[who].0), Some(self.unique("key")));
        Op { who, method, path, body, key, consults: false, after }
    }

    /// Asks about somebody; `{}` is where the CPF goes.
    pub fn read(&self, who: usize, path: &str) -> Op {
        let (cpf, after) = self.people[who].clone();
        let path = path.replace("{}", &cpf);
        Op { who, method: Method::GET, path, body: None, key: None, consults: true, after }
    }

    fn unique(&mut self, what: &str) -> String {
        self.made += 1;
        format!("{what} {}-{}", self.name, self.made)
    }

    fn new_debt(&mut self) -> Value {
        self.made += 1;
        json!({ "value": format!("{}.{:02}", self.made, self.name % 100), "date": "2026-03-01" })
    }

    fn put_debts(&mut self, who: usize) -> Op {
        let debts: Vec<Value> = (0..self.chance.below(4)).map(|_| self.new_debt()).collect();
        let body = json!({ "name": self.unique("Nome"), "address": self.unique("Rua"), "debts": debts });
        let after = Person { debts: Some(model::debts(&body)), ..self.people[who].1.clone() };
        self.write(who, Method::PUT, "/divida/{}", Some(body), after)
    }

    fn add_debt(&mut self, who: usize) -> Op {
        let (debt, person) = (self.new_debt(), self.people[who].1.clone());
        let mut owed = person.owed();
        owed.push(debt.clone());
        self.write(who, Method::POST, "/divida/{}/debts", Some(debt), person.owing(owed))
    }

    fn remove_debt(&mut self, who: usize) -> Op {
        let person = self.people[who].1.clone();
        let mut owed = person.owed();
        let gone = owed.remove(self.chance.below(owed.len() as u64) as usize);
        let id = &self.ids[gone["value"].as_str().unwrap()];
        let path = format!("/divida/{{}}/debts/{id}");
        self.write(who, Method::DELETE, &path, None, person.owing(owed))
    }

    fn put_score(&mut self, who: usize) -> Op {
        let item = |worth: u64, what: String| json!({ "value": format!("{worth}.00"), "description": what });
        let assets: Vec<Value> =
            (0..self.chance.below(3)).map(|at| item(1000 + at, self.unique("Carro"))).collect();
        let body = json!({ "name": self.unique("Nome"), "address": self.unique("Rua"),
            "date_birth": "1980-07-09T00:00:00Z", "patrimonies": assets,
            "sources_income": [item(4321, self.unique("Salário"))] });
        let after = Person { score: Some(model::score(&body)), ..self.people[who].1.clone() };
        self.write(who, Method::PUT, "/score/{}", Some(body), after)
    }

    fn new_movement(&mut self, who: usize) -> Value {
        let kind = ["Debit", "Credit"][self.chance.below(2) as usize];
        json!({ "cpf": self.people[who].0, "description": self.unique("Compra"), "value": self.made,
            "date": "2026-10-05T11:48:00-03:00", "type": kind, "PaymentType": "CreditCard" })
    }

    fn add_movement(&mut self, who: usize) -> Op {
        let (body, person) = (self.new_movement(who), self.people[who].1.clone());
        let mut movements = person.movements.clone();
        movements.push(model::movement(&body));
        let after = person.with_movements(movements);
        self.write(who, Method::POST, "/financial-transactions", Some(body), after)
    }

    /// Another in its place, or none.
    fn change_movement(&mut self, who: usize) -> Op {
        let person = self.people[who].1.clone();
        let mut movements = person.movements.clone();
        let gone = movements.remove(self.chance.below(movements.len() as u64) as usize);
        let id = self.ids[gone["description"].as_str().unwrap()].clone();
        if self.chance.below(2) == 0 {
            let path = format!("/financial-transactions/{}", id.as_str().unwrap());
            return self.write(who, Method::DELETE, &path, None, person.with_movements(movements));
        }
        let mut body = self.new_movement(who);
        movements.push(model::movement(&body));
        self.ids.insert(body["description"].as_str().unwrap().to_owned(), id.clone());
        body["id"] = id;
        let after = person.with_movements(movements);
        self.write(who, Method::PUT, "/financial-transactions", Some(body), after)
    }

    fn keep_dossier(&mut self, who: usize) -> Op {
        let (cpf, person) = self.people[who].clone();
        let body = json!({ "cpf": cpf, "purpose": "credit_granting" });
        let after = Person { dossiers: person.dossiers + 1, ..person };
        Op { consults: true, ..self.write(who, Method::POST, "/dossies", Some(body), after) }
    }
}
