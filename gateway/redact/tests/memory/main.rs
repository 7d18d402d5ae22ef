//! How much memory a stream takes: counted, not guessed, by an allocator that knows the peak.
//!
//! A binary of its own, and one test in it, for the allocator counts whatever the process does.
#![expect(clippy::print_stdout, reason = "a failed test shows what it counted")]
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::sync::Arc;

use chatwarden_redact::{
    AliasKey, Class, Plan, Redactor, Selector,
    websocket::{Contexts, Limits, ServerMessages},
};
use peak_alloc::PeakAlloc;

mod floods;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

#[test]
fn a_stream_takes_no_more_memory_than_its_limits_say() {
    for flood in floods::floods() {
        let mut before = None;
        let passage = flood.run(LENGTH, || {
            // The first call is before the redactor is made.
            if before.is_none() {
                before = Some(ALLOCATOR.current_usage());
                ALLOCATOR.reset_peak_usage();
            }
        });
        let heap = ALLOCATOR.peak_usage() - before.unwrap();
        println!("{}: {} bytes of heap for a body of {}", flood.name, heap, passage.bytes);
        assert!(heap <= flood.heap, "{}: {heap} bytes of heap, more than {}", flood.name, flood.heap);
    }
    a_stream_ten_levels_deep_takes_a_kilobyte();
    a_message_of_a_gigabyte_is_not_held();
}

/// As much of it as there is time for; the head of its frame says the whole length.
fn a_message_of_a_gigabyte_is_not_held() {
    const MESSAGE: u64 = 1 << 30;
    let phone = Selector::parse("$..phone").unwrap();
    let plan = Plan::builder().field(Class::Phone, &phone).build(&AliasKey::new(&[7; 32]).unwrap());
    let chunk = "{\"id\":1,\"phone\":\"+37061234507\",\"text\":\"hello\"},".repeat(1000);
    let mut out = Vec::with_capacity(4 * chunk.len());
    let mut messages = ServerMessages::new(None, &Arc::new(Contexts::new(0)), Limits::default());
    messages.set_plan(Some(Arc::new(plan.unwrap())), None);
    let head = [&[0x81, 127][..], &MESSAGE.to_be_bytes(), b"["].concat();

    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    messages.write(&head, &mut out).unwrap();
    let mut left = 0;
    for _ in 0..LENGTH.min(MESSAGE) / chunk.len() as u64 {
        out.clear();
        messages.write(chunk.as_bytes(), &mut out).unwrap();
        left += out.len();
    }
    let heap = ALLOCATOR.peak_usage() - before;
    println!("a message of a gigabyte: {heap} bytes of heap");
    assert!(left as u64 > LENGTH / 2, "what was read has left");
    assert!(heap <= 256 * 1024, "{heap} bytes of heap");
}

fn a_stream_ten_levels_deep_takes_a_kilobyte() {
    let mut builder = Plan::builder();
    for name in ["phone", "email", "name", "username", "screen_name", "avatar", "profile_image_url"] {
        builder = builder.field(Class::Phone, &Selector::parse(&format!("$..{name}")).unwrap());
    }
    let plan = Arc::new(builder.build(&AliasKey::new(&[7; 32]).unwrap()).unwrap());
    let mut body = "{\"a\":[{\"name\":\"Anna\",\"b\":".repeat(3);
    body.push_str("{\"phone\":\"+37061234567\",\"c\":");
    let mut out = Vec::with_capacity(4 * body.len());

    let before = ALLOCATOR.current_usage();
    let mut redactor = Redactor::json(plan);
    redactor.write(body.as_bytes(), &mut out).unwrap();
    let heap = ALLOCATOR.current_usage() - before;
    let own = size_of::<Redactor>();
    println!("ten levels deep: {own} bytes and {heap} of heap");
    assert!(own + heap <= 1024, "{own} bytes and {heap} of heap");
    drop(redactor);
}

/// Many times what may be held. benches/memory.sh floods by gigabytes.
const LENGTH: u64 = if cfg!(debug_assertions) { 1 << 20 } else { 64 << 20 };
