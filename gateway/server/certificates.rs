//! Certificates of TLS listeners: read from PEM files, chosen by the name that a client asks for (RFC 6066 §3), read anew
//! without a restart.
//!
//! Those in force belong to the running generation, so a bad one rejects a new config.yaml like any other problem, and
//! the ones before it stay.

use std::{
    fmt, fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use arc_swap::ArcSwap;
use rustls::{
    Error as TlsError, InconsistentKeys, ServerConfig,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem, pem::PemObject},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use webpki::EndEntityCert;

use crate::{config::CertificateFiles, gateway::Shared, identity::SettingError};

/// The certificates of one listener.
pub struct Certificates {
    /// Where they stand in config.yaml.
    path: String,
    files: Vec<CertificateFiles>,
    served: ArcSwap<Vec<Arc<CertifiedKey>>>,
    stamps: Mutex<Vec<Stamp>>,
}

/// Certificates that are read and good, and not yet in force.
#[must_use = "they are in force once `apply` is called"]
pub(crate) struct Fresh<'c> {
    of: &'c Certificates,
    served: Vec<Arc<CertifiedKey>>,
}

/// What tells a file from the one before it, without reading it.
type Stamp = Option<(SystemTime, u64)>;

impl Certificates {
    /// Reads the certificates of a listener, which stand at this place of config.yaml.
    ///
    /// # Errors
    /// Every file that cannot be read or used, and every key that is not its certificate's.
    pub fn load(path: String, files: &[CertificateFiles]) -> Result<Self, Vec<SettingError>> {
        let stamps = Mutex::new(stamps(files));
        let served = ArcSwap::from_pointee(read(&path, files)?);
        Ok(Self { path, files: files.to_vec(), served, stamps })
    }

    /// Reads the files anew; nothing changes before [`Fresh::apply`].
    pub(crate) fn reload(&self) -> Result<Fresh<'_>, Vec<SettingError>> {
        Ok(Fresh { of: self, served: read(&self.path, &self.files)? })
    }

    /// Whether the files have changed since this was asked last.
    pub(crate) fn have_changed(&self) -> bool {
        let now = stamps(&self.files);
        let mut before = self.stamps.lock().unwrap_or_else(PoisonError::into_inner);
        let differ = *before != now;
        *before = now;
        differ
    }

    /// The first certificate for a name; the first of all for another name, and for none.
    fn choose(&self, name: Option<&str>) -> Option<Arc<CertifiedKey>> {
        let served = self.served.load();
        let asked = name.and_then(|name| ServerName::try_from(name).ok());
        let fits = |key: &&Arc<CertifiedKey>| asked.as_ref().is_some_and(|name| is_for(key, name));
        served.iter().find(fits).or_else(|| served.first()).cloned()
    }
}

impl Fresh<'_> {
    /// Puts them in force: connections that begin from here on are shown them.
    pub(crate) fn apply(self) {
        self.of.served.store(Arc::new(self.served));
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.files.iter().map(|files| &files.cert)).finish()
    }
}

/// What a listener does TLS by: 1.2 and 1.3, HTTP/2 before HTTP/1.1, the certificates of the running generation.
///
/// # Errors
/// The provider of cryptography lacks what it should have.
pub(crate) fn server_config(shared: Arc<Shared>, listener: SocketAddr) -> Result<ServerConfig, TlsError> {
    let builder = ServerConfig::builder_with_provider(Arc::new(provider()));
    let builder = builder.with_safe_default_protocol_versions()?.with_no_client_auth();
    let first = certificates_of(&shared, listener);
    let mut config = builder.with_cert_resolver(Arc::new(Chooser { shared, listener, first }));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config.ticketer = ring::Ticketer::new()?;
    Ok(config)
}

struct Chooser {
    shared: Arc<Shared>,
    listener: SocketAddr,
    /// Those that it began with: they hold on where a later config.yaml has the listener no more, which takes a restart.
    first: Option<Arc<Certificates>>,
}

fn certificates_of(shared: &Shared, listener: SocketAddr) -> Option<Arc<Certificates>> {
    let running = shared.running();
    let mut all = running.generation.certificates.iter();
    all.find(|(address, _)| *address == listener).map(|(_, certificates)| Arc::clone(certificates))
}

impl ResolvesServerCert for Chooser {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let certificates = certificates_of(&self.shared, self.listener);
        certificates.or_else(|| self.first.clone())?.choose(hello.server_name())
    }
}

impl fmt::Debug for Chooser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "certificates of listener {}", self.listener)
    }
}

fn provider() -> CryptoProvider {
    ring::default_provider()
}

fn is_for(key: &CertifiedKey, name: &ServerName<'_>) -> bool {
    let first = key.end_entity_cert().ok().and_then(|first| EndEntityCert::try_from(first).ok());
    first.is_some_and(|first| first.verify_is_valid_for_subject_name(name).is_ok())
}

fn stamps(files: &[CertificateFiles]) -> Vec<Stamp> {
    let stamp = |path: &PathBuf| {
        let metadata = fs::metadata(path).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    };
    files.iter().flat_map(|files| [stamp(&files.cert), stamp(&files.key)]).collect()
}

fn read(path: &str, files: &[CertificateFiles]) -> Result<Vec<Arc<CertifiedKey>>, Vec<SettingError>> {
    let mut served = Vec::new();
    let mut errors = Vec::new();
    for (index, files) in files.iter().enumerate() {
        match read_one(files) {
            Ok(key) => served.push(Arc::new(key)),
            Err((key, message)) => {
                let path = format!("{path}[{index}].{key}");
                errors.push(SettingError { path, message, help: None });
            }
        }
    }
    if errors.is_empty() { Ok(served) } else { Err(errors) }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "other crates' open lists")]
fn read_one(files: &CertificateFiles) -> Result<CertifiedKey, (&'static str, String)> {
    let cannot = |file: &Path, error: &pem::Error, what: &str| match error {
        pem::Error::Io(error) => format!("{} cannot be read: {error}", file.display()),
        pem::Error::NoItemsFound => format!("{} holds no {what} in PEM", file.display()),
        _ => format!("{} is not PEM: {error}", file.display()),
    };
    let chain = CertificateDer::pem_file_iter(&files.cert).and_then(Iterator::collect);
    let chain: Vec<CertificateDer<'static>> =
        chain.map_err(|error: pem::Error| ("cert", cannot(&files.cert, &error, "certificate")))?;
    if chain.is_empty() {
        return Err(("cert", cannot(&files.cert, &pem::Error::NoItemsFound, "certificate")));
    }
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .map_err(|error| ("key", cannot(&files.key, &error, "private key")))?;
    CertifiedKey::from_der(chain, key, &provider()).map_err(|error| match error {
        TlsError::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
            let (key, cert) = (files.key.display(), files.cert.display());
            ("key", format!("{key} is not the key of the first certificate of {cert}"))
        }
        TlsError::InvalidCertificate(_) => {
            ("cert", format!("{} holds a certificate that cannot be read: {error}", files.cert.display()))
        }
        _ => ("key", format!("{} cannot be used: {error}", files.key.display())),
    })
}
