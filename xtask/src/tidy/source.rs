//! One Rust file as the rules see it: its tokens (no comment, no string can be mistaken for code), its functions,
//! and which lines are tests.

use std::ops::RangeInclusive;
use std::str::FromStr;

use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Block, ImplItemFn, ItemFn, ItemImpl, ItemMod, ItemTrait, Signature, TraitItemFn, Type};

/// A file of Rust.
pub(super) struct Source {
    pub(super) path: String,
    pub(super) lines: usize,
    pub(super) tokens: Vec<Token>,
    pub(super) functions: Vec<Function>,
    /// The file is in a `tests` folder, is named `tests.rs`, or is a module for tests only.
    pub(super) only_tests: bool,
    tests: Vec<RangeInclusive<usize>>,
    test_modules: Vec<String>,
}

/// A word, sign or bracket; a literal is only `"`, its content is nobody's business.
pub(super) struct Token {
    pub(super) text: String,
    pub(super) line: usize,
}

impl Token {
    fn new(text: &str, span: Span) -> Self {
        Self { text: text.to_owned(), line: span.start().line }
    }
}

/// A function with a body, counted from `fn` to the closing brace.
pub(super) struct Function {
    /// With its file and type: `crates/debts/src/store.rs::Store::open`.
    pub(super) name: String,
    pub(super) lines: RangeInclusive<usize>,
    /// It stands under `#[utoipa::path]`.
    pub(super) handler: bool,
}

impl Function {
    pub(super) fn length(&self) -> usize {
        self.lines.end() - self.lines.start() + 1
    }
}

impl Source {
    pub(super) fn parse(path: &str, text: &str) -> syn::Result<Self> {
        let stream = TokenStream::from_str(text)?;
        let mut tokens = Vec::new();
        flatten(stream.clone(), &mut tokens);
        let mut reader = Reader { path, ..Reader::default() };
        reader.visit_file(&syn::parse2(stream)?);
        Ok(Self {
            path: path.to_owned(),
            lines: text.lines().count(),
            tokens,
            functions: reader.functions,
            only_tests: path.split('/').any(|part| part == "tests" || part == "tests.rs"),
            tests: reader.tests,
            test_modules: reader.test_modules,
        })
    }

    pub(super) fn is_test(&self, line: usize) -> bool {
        self.only_tests || self.tests.iter().any(|lines| lines.contains(&line))
    }

    /// Lines that are not inside `#[cfg(test)]`.
    pub(super) fn lines_without_tests(&self) -> usize {
        (1..=self.lines).filter(|line| !self.is_test(*line)).count()
    }

    /// The lines where the wanted tokens stand one after another: `[".", "unwrap", "("]`.
    pub(super) fn find(&self, wanted: &[&str]) -> Vec<usize> {
        find(&self.tokens, wanted)
    }

    /// The contents of every attribute, `#[…]` and `#![…]`, those in macros too.
    pub(super) fn attributes(&self) -> impl Iterator<Item = &[Token]> {
        let starts = self.tokens.windows(3).enumerate().filter_map(|(index, window)| {
            let after_hash = usize::from(window[1].text == "!") + 1;
            let opens = window[0].text == "#" && window[after_hash].text == "[";
            opens.then_some(index + after_hash + 1)
        });
        starts.map(|start| until_closed(&self.tokens[start..]))
    }

    /// The function around a line, by name; the file where there is none.
    pub(super) fn place(&self, line: usize) -> &str {
        let around = self.functions.iter().filter(|function| function.lines.contains(&line));
        around.min_by_key(|function| function.length()).map_or(&self.path, |function| &function.name)
    }

    /// The files of modules that exist for tests only.
    pub(super) fn test_files(&self) -> Vec<String> {
        let (folder, file) = self.path.rsplit_once('/').unwrap_or(("", &self.path));
        let folder = match file {
            "lib.rs" | "main.rs" | "mod.rs" => folder.to_owned(),
            _ => format!("{folder}/{}", file.trim_end_matches(".rs")),
        };
        let paths = |name: &String| [format!("{folder}/{name}.rs"), format!("{folder}/{name}/mod.rs")];
        self.test_modules.iter().flat_map(paths).collect()
    }
}

/// The lines where the wanted ones stand one after another.
pub(super) fn find(tokens: &[Token], wanted: &[&str]) -> Vec<usize> {
    let equal = |window: &&[Token]| window.iter().zip(wanted).all(|(token, word)| token.text == *word);
    tokens.windows(wanted.len()).filter(equal).map(|window| window[0].line).collect()
}

fn until_closed(tokens: &[Token]) -> &[Token] {
    let mut open = 0_usize;
    for (index, token) in tokens.iter().enumerate() {
        match token.text.as_str() {
            "[" => open += 1,
            "]" if open == 0 => return &tokens[..index],
            "]" => open -= 1,
            _ => {}
        }
    }
    tokens
}

fn flatten(stream: TokenStream, tokens: &mut Vec<Token>) {
    for tree in stream {
        match tree {
            TokenTree::Group(group) => {
                let (open, close) = brackets(group.delimiter());
                tokens.push(Token::new(open, group.span_open()));
                flatten(group.stream(), tokens);
                tokens.push(Token::new(close, group.span_close()));
            }
            TokenTree::Ident(ident) => tokens.push(Token::new(&ident.to_string(), ident.span())),
            TokenTree::Punct(punct) => tokens.push(Token::new(&punct.as_char().to_string(), punct.span())),
            TokenTree::Literal(literal) => tokens.push(Token::new("\"", literal.span())),
        }
    }
}

fn brackets(delimiter: Delimiter) -> (&'static str, &'static str) {
    match delimiter {
        Delimiter::Parenthesis => ("(", ")"),
        Delimiter::Brace => ("{", "}"),
        Delimiter::Bracket => ("[", "]"),
        Delimiter::None => ("", ""),
    }
}

/// Walks a file and notes functions and tests.
#[derive(Default)]
struct Reader<'path> {
    path: &'path str,
    owner: Option<String>,
    functions: Vec<Function>,
    tests: Vec<RangeInclusive<usize>>,
    test_modules: Vec<String>,
}

impl Reader<'_> {
    fn function(&mut self, attributes: &[Attribute], signature: &Signature, body: &Block) {
        let lines = signature.fn_token.span.start().line..=body.brace_token.span.close().end().line;
        self.note_test(attributes, *lines.end());
        let names = [Some(self.path.to_owned()), self.owner.clone(), Some(signature.ident.to_string())];
        let name = names.into_iter().flatten().collect::<Vec<_>>().join("::");
        let handler = attributes.iter().any(|attribute| words(attribute) == ["utoipa", "path"]);
        self.functions.push(Function { name, lines, handler });
    }

    fn note_test(&mut self, attributes: &[Attribute], end: usize) {
        if attributes.iter().any(is_test) {
            let start = attributes.iter().map(|attribute| attribute.pound_token.span.start().line).min();
            self.tests.push(start.unwrap_or(end)..=end);
        }
    }

    fn inside(&mut self, owner: Option<String>, walk: impl FnOnce(&mut Self)) {
        let outer = std::mem::replace(&mut self.owner, owner);
        walk(self);
        self.owner = outer;
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item_fn(&mut self, node: &'ast ItemFn) {
        self.function(&node.attrs, &node.sig, &node.block);
        visit::visit_item_fn(self, node);
    }

    fn visit_impl_item_fn(&mut self, node: &'ast ImplItemFn) {
        self.function(&node.attrs, &node.sig, &node.block);
        visit::visit_impl_item_fn(self, node);
    }

    fn visit_trait_item_fn(&mut self, node: &'ast TraitItemFn) {
        if let Some(body) = &node.default {
            self.function(&node.attrs, &node.sig, body);
        }
        visit::visit_trait_item_fn(self, node);
    }

    fn visit_item_impl(&mut self, node: &'ast ItemImpl) {
        self.note_test(&node.attrs, node.brace_token.span.close().end().line);
        let owner = match node.self_ty.as_ref() {
            Type::Path(path) => path.path.segments.last().map(|segment| segment.ident.to_string()),
            _ => None,
        };
        self.inside(owner, |reader| visit::visit_item_impl(reader, node));
    }

    fn visit_item_trait(&mut self, node: &'ast ItemTrait) {
        self.inside(Some(node.ident.to_string()), |reader| visit::visit_item_trait(reader, node));
    }

    fn visit_item_mod(&mut self, node: &'ast ItemMod) {
        match &node.content {
            Some((brace, _)) => self.note_test(&node.attrs, brace.span.close().end().line),
            None if node.attrs.iter().any(is_test) => self.test_modules.push(node.ident.to_string()),
            None => {}
        }
        visit::visit_item_mod(self, node);
    }
}

fn words(attribute: &Attribute) -> Vec<String> {
    attribute.path().segments.iter().map(|segment| segment.ident.to_string()).collect()
}

/// `#[test]`, `#[tokio::test]`, `#[cfg(test)]`, `#[cfg(all(test, …))]`; not `#[cfg(not(test))]`.
fn is_test(attribute: &Attribute) -> bool {
    let words = words(attribute);
    let Ok(list) = attribute.meta.require_list() else {
        return words.last().is_some_and(|word| word == "test");
    };
    let mut inside = Vec::new();
    flatten(list.tokens.clone(), &mut inside);
    let has = |word: &str| inside.iter().any(|token| token.text == word);
    match words.last().map(String::as_str) {
        Some("test") => true,
        Some("cfg") => has("test") && !has("not") && !has("any"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = "\
//! .unwrap() in a comment
struct Store;
impl Store {
    /// .unwrap()
    #[utoipa::path(get, path = \"/x\")]
    async fn open(
        name: &str,
    ) {
        let text = \".unwrap()\";
        vec![name.unwrap()];
    }
}
trait Door {
    fn knock(&self);
    fn enter(&self) {}
}
#[cfg(test)]
mod tests {
    fn a() {}
}
#[cfg(test)]
mod samples;
#[cfg(not(test))]
fn b() {}
";

    fn sample(path: &str) -> Source {
        Source::parse(path, SAMPLE).unwrap()
    }

    #[test]
    fn functions_are_named_by_their_type_and_counted_from_fn_to_brace() {
        let source = sample("a.rs");
        let told = |function: &Function| (function.name.clone(), function.length(), function.handler);
        let functions: Vec<_> = source.functions.iter().map(told).collect();
        let expected =
            [("a.rs::Store::open", 6, true), ("a.rs::Door::enter", 1, false), ("a.rs::a", 1, false)];
        assert_eq!(
            functions[..3],
            expected.map(|(name, length, handler)| (name.to_owned(), length, handler))
        );
    }

    #[test]
    fn only_code_is_found_and_macros_are_code() {
        let source = sample("a.rs");
        assert_eq!(source.find(&[".", "unwrap", "("]), [10]);
        assert_eq!(source.place(10), "a.rs::Store::open");
        assert_eq!(source.place(2), "a.rs");
    }

    #[test]
    fn tests_are_known_by_attribute_folder_and_name() {
        let source = sample("crates/x/src/a.rs");
        let tests: Vec<usize> = (1..=source.lines).filter(|line| source.is_test(*line)).collect();
        assert_eq!(tests, [17, 18, 19, 20]);
        assert_eq!(source.lines_without_tests(), 20);
        assert!(sample("crates/x/tests/a.rs").is_test(2));
        assert!(sample("crates/x/src/a/tests.rs").is_test(2));
    }

    #[test]
    fn modules_for_tests_lead_to_their_files() {
        assert_eq!(sample("src/a.rs").test_files(), ["src/a/samples.rs", "src/a/samples/mod.rs"]);
        assert_eq!(sample("src/lib.rs").test_files(), ["src/samples.rs", "src/samples/mod.rs"]);
    }

    #[test]
    fn attributes_end_at_their_own_bracket() {
        let source = Source::parse("a.rs", "#![allow(x)] #[doc = \"]\"] #[a([b])] fn f() {}").unwrap();
        let text = |tokens: &[Token]| tokens.iter().map(|token| token.text.as_str()).collect::<String>();
        assert_eq!(source.attributes().map(text).collect::<Vec<_>>(), ["allow(x)", "doc=\"", "a([b])"]);
    }
}
