//! Files: uploads, attachments to open, avatars.

use std::sync::Arc;

use axum::extract::{Multipart, Path, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{StatusCode, header};
use serde_json::json;

use super::answer::{data, error};
use super::app::Shared;
use super::caller::Caller;
use super::pictures;
use super::recorder::lock;
use super::state::Upload;

/// Multipart, field `file`.
pub(super) async fn upload(
    State(shared): State<Arc<Shared>>,
    Caller(_): Caller,
    mut form: Multipart,
) -> Response {
    loop {
        let field = match form.next_field().await {
            Ok(Some(field)) => field,
            Ok(None) => return error(StatusCode::UNPROCESSABLE_ENTITY, "The field `file` is required"),
            Err(wrong) => return error(wrong.status(), "The form cannot be read"),
        };
        if field.name() != Some("file") {
            continue;
        }
        let given = field.file_name().unwrap_or("file").to_owned();
        let content_type = field.content_type().unwrap_or("application/octet-stream").to_owned();
        let bytes = match field.bytes().await {
            Ok(bytes) => bytes,
            Err(wrong) => return error(wrong.status(), "The file cannot be read"),
        };
        let mut state = lock(&shared.state);
        let name = format!("{}-{}", state.fresh_id(), safe(&given));
        let answer =
            json!({ "file_url": format!("/files/{name}"), "file_name": given, "file_size": bytes.len() });
        state.keep_upload(Upload { name, content_type, bytes });
        return data(answer);
    }
}

/// An attachment: pictures to be shown in the page, everything else to be saved.
pub(super) async fn file(
    State(shared): State<Arc<Shared>>,
    Caller(_): Caller,
    Path(name): Path<String>,
) -> Response {
    match name.as_str() {
        "invoice.pdf" => attachment("application/pdf", &name, pictures::invoice_pdf().into()),
        "parcel.png" => picture("image/png", pictures::parcel_png().into()),
        _ => {
            let state = lock(&shared.state);
            match state.uploads.iter().find(|upload| upload.name == name) {
                Some(upload) => match upload.content_type.as_str() {
                    kind @ ("image/png" | "image/jpeg" | "image/webp" | "image/gif") => {
                        picture(kind, upload.bytes.clone())
                    }
                    kind => attachment(kind, &name, upload.bytes.clone()),
                },
                None => error(StatusCode::NOT_FOUND, "No such file"),
            }
        }
    }
}

pub(super) async fn avatar(Path(id): Path<String>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "image/svg+xml"),
        (header::CACHE_CONTROL, "private, max-age=600"),
        (header::LAST_MODIFIED, "Mon, 05 Jan 2026 08:00:00 GMT"),
    ];
    (headers, pictures::avatar_svg(&id)).into_response()
}

fn picture(kind: &str, bytes: Bytes) -> Response {
    let headers = [(header::CONTENT_TYPE, kind), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")];
    (headers, bytes).into_response()
}

fn attachment(kind: &str, name: &str, bytes: Bytes) -> Response {
    let disposition = format!("attachment; filename=\"{name}\"");
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_DISPOSITION, disposition.as_str()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, bytes).into_response()
}

/// A file name of harmless characters.
fn safe(name: &str) -> String {
    let kept = name.chars().map(|character| match character {
        plain if plain.is_ascii_alphanumeric() || plain == '.' || plain == '-' => plain,
        _ => '_',
    });
    kept.rev().take(80).collect::<String>().chars().rev().collect()
}
