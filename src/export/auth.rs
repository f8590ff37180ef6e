//! FileOrTexts that are sent with every request; those in files are read anew each time; pure but
//! for these.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::files::{FileOrText, Files};
use super::headers::Headers;

/// Who to be at the server.
#[derive(Clone, Debug)]
pub enum Auth {
    /// A token in a header.
    Bearer {
        /// `Authorization`
        header: String,
        /// `Bearer`; may be empty.
        scheme: String,
        /// The first word is the token.
        token: FileOrText,
    },
    /// A user and a password.
    Basic {
        /// Its name.
        username: FileOrText,
        /// Its password.
        password: FileOrText,
    },
    /// Headers as they are.
    Headers(Headers),
}

/// A part of who to be, of which in a file nothing but the text counts.
fn credential(from: &FileOrText, what: &str, files: &dyn Files) -> Result<String, String> {
    let path = match from {
        FileOrText::Text(text) => return Ok(text.clone()),
        FileOrText::File(path) => path.display(),
    };
    let wrong = |why: &str| format!("cannot read the {what} file `{path}` of `auth`: {why}");
    let bytes = from.read(files).map_err(|why| wrong(&why))?;
    let text = String::from_utf8(bytes).map_err(|_| wrong("it is no text"))?;
    let text = text.trim();
    if text.is_empty() { Err(wrong("it is empty")) } else { Ok(text.to_owned()) }
}

impl Auth {
    /// The headers that say it.
    ///
    /// # Errors
    /// A file cannot be read, or has what cannot be sent. Nothing of what it has is told.
    pub(super) fn headers(&self, files: &dyn Files) -> Result<Headers, String> {
        let (header, value) = match self {
            Self::Headers(headers) => return Ok(headers.clone()),
            Self::Bearer { header, scheme, token } => {
                let token = credential(token, "token", files)?;
                let token = token.split_whitespace().next().unwrap_or_default();
                (header.as_str(), format!("{scheme} {token}").trim_start().to_owned())
            }
            Self::Basic { username, password } => {
                let user = credential(username, "username", files)?;
                let password = credential(password, "password", files)?;
                let pair = STANDARD.encode(format!("{user}:{password}"));
                ("authorization", format!("Basic {pair}"))
            }
        };
        Headers::new([(header, &*value)]).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use rustls::pki_types::CertificateDer;

    use super::*;

    struct One(&'static str);

    impl Files for One {
        fn read(&self, path: &Path) -> Result<Vec<u8>, String> {
            let is_there = path == Path::new("secret");
            is_there.then(|| self.0.as_bytes().to_vec()).ok_or("there is no such file".to_owned())
        }

        fn system_roots(&self) -> Vec<CertificateDer<'static>> {
            Vec::new()
        }
    }

    fn sent(auth: &Auth, file: &'static str) -> Result<String, String> {
        let headers = auth.headers(&One(file))?;
        let pairs = headers
            .pairs()
            .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value)));
        Ok(pairs.collect::<Vec<_>>().join(", "))
    }

    #[test]
    fn credentials_become_headers_and_are_never_shown() {
        let file = || FileOrText::File("secret".into());
        let text = |text: &str| FileOrText::Text(text.to_owned());
        let bearer = |scheme: &str, token| Auth::Bearer {
            header: "Authorization".to_owned(),
            scheme: scheme.to_owned(),
            token,
        };
        let auth = bearer("Bearer", file());
        assert_eq!(sent(&auth, "abc comment\nother\n").unwrap(), "authorization: Bearer abc");
        assert_eq!(sent(&bearer("", text("abc")), "").unwrap(), "authorization: abc");
        let basic = Auth::Basic { username: text("me"), password: file() };
        assert_eq!(sent(&basic, "sesame\n").unwrap(), "authorization: Basic bWU6c2VzYW1l");
        assert!(!format!("{:?}", bearer("Bearer", text("abc"))).contains("abc"));
        assert_eq!(
            sent(&auth, " \n").unwrap_err(),
            "cannot read the token file `secret` of `auth`: it is empty"
        );
        let gone = bearer("Bearer", FileOrText::File("gone".into()));
        assert!(sent(&gone, "").unwrap_err().ends_with("there is no such file"));
        let odd = sent(&auth, "a\u{1}b").unwrap_err();
        assert!(!odd.contains("a\u{1}b"), "{odd}");
    }
}
