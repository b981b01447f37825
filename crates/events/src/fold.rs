//! Words without case and accents, for searching: `FARMACIA` finds `Farmácia`.
//!
//! What every engine must find alike is folded whole words; a search engine's stemming is its own extra.

/// Letters that Latin-script languages write with marks, by the letter without.
const MARKED: [(&str, &str); 23] = [
    ("a", "àáâãäåāăąǎª"),
    ("ae", "æ"),
    ("c", "çćĉċč"),
    ("d", "ďđð"),
    ("e", "èéêëēĕėęěẽ"),
    ("g", "ĝğġģ"),
    ("h", "ĥħ"),
    ("i", "ìíîïĩīĭįıǐ"),
    ("j", "ĵ"),
    ("k", "ķ"),
    ("l", "ĺļľŀł"),
    ("n", "ñńņňŉ"),
    ("o", "òóôõöøōŏőǒº"),
    ("oe", "œ"),
    ("r", "ŕŗř"),
    ("s", "śŝşšșſ"),
    ("ss", "ß"),
    ("t", "ţťŧț"),
    ("th", "þ"),
    ("u", "ùúûüũūŭůűųǔ"),
    ("w", "ŵ"),
    ("y", "ýÿŷ"),
    ("z", "źżž"),
];

/// The words of a text, folded: runs of letters and digits.
pub(crate) fn words(text: &str) -> Vec<String> {
    split(&fold(text)).map(str::to_owned).collect()
}

/// Whether each of these folded words is one of the text's.
pub(crate) fn has_all(text: &str, wanted: &[String]) -> bool {
    let folded = fold(text);
    wanted.iter().all(|word| split(&folded).any(|other| other == word))
}

fn split(folded: &str) -> impl Iterator<Item = &str> {
    folded.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty())
}

fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for letter in text.chars().flat_map(char::to_lowercase) {
        match letter {
            '\0'..='\x7f' => folded.push(letter),
            // Marks written after their letter, as decomposed text has them.
            '\u{300}'..='\u{36f}' => {}
            _ => match MARKED.iter().find(|(_, marked)| marked.contains(letter)) {
                Some((plain, _)) => folded.push_str(plain),
                None => folded.push(letter),
            },
        }
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_accents_do_not_matter() {
        for (text, query) in [
            ("Farmácia", "FARMACIA"),
            ("FARMACIA", "farmácia"),
            ("Transferência recebida (TED)", "ted transferencia"),
            ("Farma\u{301}cia São João", "sao FARMÁCIA"),
            ("Açougue do Zé – 2ª loja", "acougue ze 2a"),
            ("Straße İzmir", "STRASSE izmir"),
        ] {
            assert!(has_all(text, &words(query)), "{text} {query}");
        }
    }

    #[test]
    fn every_word_must_be_there_and_whole() {
        assert!(!has_all("Farmácia", &words("farmacia popular")));
        assert!(!has_all("Supermercado", &words("mercado")));
        assert!(words(" -- !").is_empty());
    }
}
