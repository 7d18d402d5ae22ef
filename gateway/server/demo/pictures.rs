//! Files made in code: the parcel picture (PNG), the invoice (PDF) and the avatars (SVG).

use super::coding::{crc32, deflate_stored};

/// A picture of a dented parcel on a table: 320 × 200 pixels from a palette.
pub(super) fn parcel_png() -> Vec<u8> {
    const WIDTH: u32 = 320;
    const HEIGHT: u32 = 200;
    let palette: [[u8; 3]; 8] = [
        [0xe8, 0xee, 0xf5], // wall
        [0xb9, 0x8a, 0x5e], // table
        [0xd9, 0xa6, 0x6c], // box, front
        [0xe9, 0xbd, 0x86], // box, top
        [0xb5, 0x83, 0x4e], // box, side
        [0xf4, 0xe3, 0xc3], // tape
        [0x8d, 0x62, 0x37], // dent
        [0xfd, 0xfd, 0xfb], // label
    ];
    let mut rows = Vec::with_capacity(((WIDTH + 1) * HEIGHT) as usize);
    for y in 0..HEIGHT {
        rows.push(0); // filter: none
        rows.extend((0..WIDTH).map(|x| parcel_colour(x as i32, y as i32)));
    }
    let mut pixels = vec![0x78, 0x01];
    deflate_stored(&rows, &mut pixels);
    pixels.extend_from_slice(&adler32(&rows).to_be_bytes());

    let mut head = Vec::new();
    head.extend_from_slice(&WIDTH.to_be_bytes());
    head.extend_from_slice(&HEIGHT.to_be_bytes());
    head.extend_from_slice(&[8, 3, 0, 0, 0]); // 8 bits, palette, deflate, no interlace
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    chunk(&mut png, b"IHDR", &head);
    chunk(&mut png, b"PLTE", palette.as_flattened());
    chunk(&mut png, b"IDAT", &pixels);
    chunk(&mut png, b"IEND", &[]);
    png
}

fn parcel_colour(x: i32, y: i32) -> u8 {
    let side = (220..262).contains(&x) && y >= 76 - (x - 220) * 3 / 4 && y < 162 - (x - 220) / 2;
    let top = (48..78).contains(&y) && x >= 78 + (78 - y) * 7 / 5 && x < 220 + (78 - y) * 7 / 5;
    let front = (78..220).contains(&x) && (78..162).contains(&y);
    let dent = (x - 212) * (x - 212) + (y - 132) * (y - 132) * 2 < 800;
    match (front, top, side) {
        (true, ..) | (.., true) if dent => 6,
        (true, ..) if (96..138).contains(&x) && (112..142).contains(&y) => 7,
        (true, ..) | (_, true, _) if (140..158).contains(&(x - (78 - y).max(0) * 7 / 5)) => 5,
        (true, ..) => 2,
        (_, true, _) => 3,
        (.., true) => 4,
        _ if y >= 140 => 1,
        _ => 0,
    }
}

fn chunk(png: &mut Vec<u8>, kind: &[u8; 4], data: &[u8]) {
    png.extend_from_slice(&(data.len() as u32).to_be_bytes());
    let start = png.len();
    png.extend_from_slice(kind);
    png.extend_from_slice(data);
    let sum = crc32(&png[start..]);
    png.extend_from_slice(&sum.to_be_bytes());
}

fn adler32(bytes: &[u8]) -> u32 {
    let (low, high) = bytes.iter().fold((1_u32, 0_u32), |(low, high), &byte| {
        let low = (low + u32::from(byte)) % 65_521;
        (low, (high + low) % 65_521)
    });
    (high << 16) | low
}

/// A one-page invoice in PDF 1.4.
pub(super) fn invoice_pdf() -> Vec<u8> {
    let lines = [
        ("22", "Invoice A-20981"),
        ("12", "Sample Shop, 1 Example Street"),
        ("12", "2 x cup \"Baltic blue\"          59.00 EUR"),
        ("12", "1 x tea pot                     69.40 EUR"),
        ("14", "Total                          128.40 EUR"),
    ];
    let mut page = String::from("BT 72 760 Td 26 TL\n");
    for (size, line) in lines {
        page.push_str(&format!("/F1 {size} Tf ({line}) Tj T*\n"));
    }
    page.push_str("ET\n");
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R \
         /Resources << /Font << /F1 5 0 R >> >> >>"
            .to_owned(),
        format!("<< /Length {} >>\nstream\n{page}endstream", page.len()),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Courier >>".to_owned(),
    ];
    let mut pdf = String::from("%PDF-1.4\n");
    let mut table = String::from("0000000000 65535 f \n");
    for (number, object) in objects.iter().enumerate() {
        table.push_str(&format!("{:010} 00000 n \n", pdf.len()));
        pdf.push_str(&format!("{} 0 obj\n{object}\nendobj\n", number + 1));
    }
    let start = pdf.len();
    let size = objects.len() + 1;
    pdf.push_str(&format!(
        "xref\n0 {size}\n{table}trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n"
    ));
    pdf.into_bytes()
}

/// A portrait in flat colours, the same for the same id; a stand-in for a photo.
pub(super) fn avatar_svg(id: &str) -> String {
    let seed = crc32(id.as_bytes()) as usize;
    let pick = |colours: [&'static str; 5], turn: usize| colours[(seed >> turn) % colours.len()];
    let back = pick(["#bfdbfe", "#fecaca", "#bbf7d0", "#fde68a", "#ddd6fe"], 0);
    let skin = pick(["#f2c9a5", "#e0a982", "#c68863", "#8d5a3c", "#f6d5bb"], 7);
    let hair = pick(["#2b2118", "#6b4423", "#b58a4a", "#1f2937", "#8a3b22"], 13);
    let shirt = pick(["#1d4ed8", "#b91c1c", "#047857", "#a16207", "#6d28d9"], 19);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 96 96\">\
         <rect width=\"96\" height=\"96\" fill=\"{back}\"/>\
         <path d=\"M12 96c0-24 16-32 36-32s36 8 36 32z\" fill=\"{shirt}\"/>\
         <rect x=\"40\" y=\"54\" width=\"16\" height=\"16\" fill=\"{skin}\"/>\
         <circle cx=\"48\" cy=\"41\" r=\"20\" fill=\"{skin}\"/>\
         <path d=\"M26 42c0-17 10-25 22-25s22 8 22 25c-4-9-10-13-22-13s-18 4-22 13z\" fill=\"{hair}\"/>\
         </svg>"
    )
}
