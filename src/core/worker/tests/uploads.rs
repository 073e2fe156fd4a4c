//! Bodies that are cut or called off at awkward places.

use super::*;

/// More than is read ahead, so that the application reads the rest itself.
const AHEAD: usize = 64 * 1024;

fn abort() -> Vec<u8> {
    let mut frame = Vec::new();
    link::encode_abort(&mut frame);
    frame
}

#[test]
fn what_a_client_has_sent_is_never_taken_for_frames() {
    let (_worker, mut links, _rendezvous) = linked(1);
    let link = &mut links[0];
    // Frames of the client's own, wherever in its body somebody would begin to look for some.
    let mut end = Vec::new();
    link::encode_body_end(&mut end);
    for shift in 0..end.len() {
        let forged = [vec![0; shift], end.repeat(4000), head_frame("/vars", Body::None).repeat(50)].concat();
        let upload = [
            head_frame("/echo", Body::Length(200_000)),
            body_frame(&[b'x'; AHEAD], false),
            body_frame(&forged, false),
            abort(),
        ];
        link.stream.write_all(&upload.concat()).unwrap();
        assert_eq!(link.answer().as_deref(), Some("200 Gone"), "{shift}");
        for (path, answer) in [("/", "200 hello"), ("/stream", "200 one,two,three")] {
            link.ask(path, Body::None);
            assert_eq!(link.answer().as_deref(), Some(answer), "{shift}");
        }
    }
}

#[test]
fn the_header_of_a_frame_may_be_cut_behind_what_is_read_ahead() {
    let (_worker, mut links, _rendezvous) = linked(1);
    let link = &mut links[0];
    let rest = body_frame(b"rest", true);
    for cut in 1..rest.len() {
        let (early, late) = rest.split_at(cut);
        let head = head_frame("/later", Body::Length(AHEAD as u64 + 4));
        link.stream.write_all(&[head, body_frame(&[b'x'; AHEAD], false), early.to_vec()].concat()).unwrap();
        let first = link.answer_up_to("first,").unwrap();
        link.stream.write_all(late).unwrap();
        let answer = first + &link.answer().unwrap();
        assert!(answer == format!("200 first,{}rest", "x".repeat(AHEAD)), "{cut}: {} bytes", answer.len());
    }
}

#[test]
fn the_header_of_a_record_may_be_cut_behind_what_is_read_ahead() {
    let worker = Worker::start(Protocol::Fastcgi, 1, |_| {});
    // The last byte that makes it enough, and then the header of the next record.
    let small = AHEAD % 5000;
    let (large, total) = (AHEAD - small, AHEAD + 4000);
    let vars = [("REQUEST_METHOD", "POST"), ("PATH_INFO", "/later"), ("CONTENT_LENGTH", &total.to_string())];
    let opening = fastcgi(&vars, &vec![b'x'; large], false);
    let opening = &opening[..opening.len() - 8];
    let record = |length: usize| {
        let size = (length as u16).to_be_bytes();
        [vec![1, 5, 0, 1, size[0], size[1], 0, 0], vec![b'y'; length]].concat()
    };
    let rest = [record(4000), record(0)].concat();
    for cut in 1..9 {
        let (early, late) = rest.split_at(cut);
        let mut stream = worker.connect();
        stream.write_all(&[opening, &record(small), early].concat()).unwrap();
        let mut header = [0; 8];
        stream.read_exact(&mut header).unwrap();
        let mut first = vec![0; usize::from(u16::from_be_bytes([header[4], header[5]]))];
        stream.read_exact(&mut first).unwrap();
        stream.write_all(late).unwrap();
        let answer = fastcgi_answer(&mut stream);
        let expected = format!("{}{}", "x".repeat(large), "y".repeat(small + 4000));
        assert!(answer.ends_with(&expected), "{cut}: {} bytes, {}", answer.len(), &answer[..answer.len().min(100)]);
    }
}

#[test]
fn a_request_that_is_called_off_is_noticed_behind_any_body() {
    for (buffering, size) in [(0, 0), (0, 100), (0, AHEAD + 5000), (1000, 100), (1000, 5000)] {
        for is_early in [false, true] {
            let (_worker, mut links, rendezvous) = linked_with(1, |config| config.limits.post_buffering = buffering);
            let link = &mut links[0];
            let body = if size == 0 { Body::None } else { Body::Length(size as u64) };
            let mut request = head_frame("/chatter", body);
            if size > 0 {
                request.extend(body_frame(&vec![b'x'; size], true));
            }
            if is_early {
                request.extend(abort());
            }
            link.stream.write_all(&request).unwrap();
            let first = link.answer_up_to("first,").unwrap();
            if !is_early {
                link.stream.write_all(&abort()).unwrap();
            }
            let rest = link.answer().unwrap_or_default();
            assert!(!rest.contains("nobody"), "{buffering} {size} {is_early}: {first}{rest}");
            let mut again = Link::take(&rendezvous, 0);
            again.ask("/", Body::None);
            assert_eq!(again.answer().as_deref(), Some("200 hello"));
        }
    }
}
