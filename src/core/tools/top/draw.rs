//! The screen: a headline and sums, workers, requests that run, and the keys.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Row, Table, TableState};

use super::state::{Order, State};
use crate::control_socket::view::{Phase, Running};
use crate::tools::stats::{headline, phase, state as worker_state};
use crate::tools::text::{age, end, printable, size, span};
use crate::tools::view::{Worker, request_line};

/// Requests older than this are yellow, microseconds.
const SLOW: u64 = 1_000_000;
/// And these red.
const STUCK: u64 = 10_000_000;

/// Columns of a screen that has room for all there is to tell about a worker.
const WIDE: u16 = 100;

/// Most cores that have a mark of their own.
const MARKS: usize = 15;

const TITLE: Style = Style::new().add_modifier(Modifier::BOLD);
const HEAD: Style = Style::new().fg(Color::Black).bg(Color::Gray);
const SELECTED: Style = Style::new().add_modifier(Modifier::REVERSED);

/// Draws everything; `now` is seconds since the epoch.
pub fn draw(frame: &mut Frame<'_>, state: &State, now: u64) {
    let count = u16::try_from(state.view.stats.workers.len()).unwrap_or(u16::MAX);
    // Workers have at most half of the screen.
    let room = (frame.area().height / 2).max(3);
    let rows = [
        Constraint::Length(2),
        Constraint::Length(count.saturating_add(1).min(room)),
        Constraint::Length(1),
        Constraint::Min(2),
        Constraint::Length(2),
    ];
    let [top, workers, _, running, bottom] = Layout::vertical(rows).areas(frame.area());
    frame.render_widget(Paragraph::new(vec![title(state, now), sums(state)]), top);
    draw_workers(frame, state, workers, now);
    draw_running(frame, state, running);
    frame.render_widget(Paragraph::new(vec![message(state), keys(state)]), bottom);
}

fn title(state: &State, now: u64) -> Line<'static> {
    let mut line = vec![Span::styled(headline(&state.name, &state.view, now), TITLE)];
    if state.is_paused {
        line.push(Span::styled("  PAUSED", TITLE.fg(Color::Yellow)));
    }
    Line::from(line)
}

fn sums(state: &State) -> Line<'static> {
    let stats = &state.view.stats;
    let total = state.rates.total(&state.view);
    let memory: u64 = stats.workers.iter().map(|worker| worker.rss).sum();
    let exceptions: u64 = stats.workers.iter().map(|worker| worker.exceptions).sum();
    let queue = stats.sockets.iter().max_by_key(|socket| socket.queue);
    let queue = queue.map_or_else(|| "-".into(), |socket| format!("{}/{}", socket.queue, socket.max_queue));
    let busy_mules = stats.mules.iter().filter(|mule| mule.status == "busy").count();
    let mules = match stats.mules.len() {
        0 => String::new(),
        all => format!(", {busy_mules} of {all} mules busy"),
    };
    let spoolers = match stats.spoolers.len() {
        0 => String::new(),
        all => format!(", {} of {all} spoolers busy", stats.spoolers.iter().filter(|one| one.running != 0).count()),
    };
    Line::from(format!(
        "{:.0} requests/s, {:.0} % busy, queue {queue}, memory {}, {exceptions} exceptions{mules}{spoolers}",
        total.requests,
        total.busy * 100.0,
        size(memory),
    ))
}

fn draw_workers(frame: &mut Frame<'_>, state: &State, area: Rect, now: u64) {
    let workers = state.workers();
    let most = workers.iter().map(|worker| worker.cores.len()).max().unwrap_or(0);
    let columns = columns(area.width >= WIDE, u16::try_from(most.clamp(5, MARKS)).unwrap_or(5));
    let cells = |worker: &&Worker| columns.iter().map(|column| (column.cell)(state, worker, now)).collect();
    let rows: Vec<Row<'_>> = workers.iter().map(cells).collect();
    let titles = columns.iter().map(|column| {
        let is_sorted = column.order.is_some_and(|order| order == state.order);
        format!("{}{}", column.title, if is_sorted { "▾" } else { "" })
    });
    let header = titles.collect::<Row<'_>>().style(HEAD);
    let widths = columns.iter().map(|column| Constraint::Length(column.width));
    let table = Table::new(rows, widths).header(header).row_highlight_style(SELECTED);
    let selected = workers.iter().position(|worker| worker.id == state.selected);
    frame.render_stateful_widget(table, area, &mut TableState::default().with_selected(selected));
}

/// A column of the table of workers.
struct Column {
    title: &'static str,
    width: u16,
    order: Option<Order>,
    cell: fn(&State, &Worker, u64) -> String,
}

/// All of them, or those that a narrow screen has room for.
fn columns(is_wide: bool, cores_width: u16) -> Vec<Column> {
    let column = |title, width, cell| Column { title, width, order: None, cell };
    let sorted = |order, title, width, cell| Column { title, width, order: Some(order), cell };
    let mut columns = vec![
        sorted(Order::Number, "WORKER", 7, |_, worker, _| worker.id.to_string()),
        column("PID", 7, |_, worker, _| worker.pid.to_string()),
        column("STATE", 7, |_, worker, _| worker_state(&worker.status, worker.accepting, worker.pid)),
        sorted(Order::Rate, "REQ/S", 7, |state, worker, _| format!("{:.1}", state.rates.of(worker.id).requests)),
        sorted(Order::Busy, "BUSY", 5, |state, worker, _| format!("{:.0} %", state.rates.of(worker.id).busy * 100.0)),
        column("CORES", cores_width, |state, worker, _| cores(state, worker)),
        column("REQUESTS", 10, |_, worker, _| worker.requests.to_string()),
        sorted(Order::Memory, "MEMORY", 8, |_, worker, _| size(worker.rss)),
        column("AGE", 8, |_, worker, now| match worker.pid {
            0 => "-".into(),
            _ => age(now.saturating_sub(worker.last_spawn)),
        }),
    ];
    if is_wide {
        columns.push(column("ERRORS", 7, |_, worker, _| (worker.exceptions + worker.harakiri_count).to_string()));
        columns.push(column("AVERAGE", 9, |_, worker, _| span(worker.avg_rt)));
    }
    columns
}

/// A mark for each core: busy, or not; numbers when there are many.
fn cores(state: &State, worker: &Worker) -> String {
    let busy: Vec<_> = state.view.running_in(worker).map(|one| one.core).collect();
    if worker.cores.len() > MARKS {
        return format!("{} of {}", busy.len(), worker.cores.len());
    }
    worker.cores.iter().map(|core| if busy.contains(&core.id) { '■' } else { '·' }).collect()
}

fn draw_running(frame: &mut Frame<'_>, state: &State, area: Rect) {
    let room = usize::from(area.width).saturating_sub(7 + 9 + 8 + 3);
    // A place of Python needs less room than a URL may take.
    let place = (room / 2).min(60);
    let shown = state.view.running.iter().skip(state.scroll).take(usize::from(area.height));
    let rows: Vec<_> = shown.map(|one| running_row(state, one, room.saturating_sub(place + 1), place)).collect();
    let python = if state.has_lines { "PYTHON" } else { "" };
    let count = format!("REQUEST ({} run)", state.view.running.len());
    let header = Row::new(["CORE".into(), "FOR".into(), "PHASE".into(), count, python.into()]).style(HEAD);
    let widths = [
        Constraint::Length(7),
        Constraint::Length(9),
        Constraint::Length(8),
        Constraint::Fill(1),
        Constraint::Length(u16::try_from(place).unwrap_or(0)),
    ];
    frame.render_widget(Table::new(rows, widths).header(header), area);
}

fn running_row(state: &State, one: &Running, request: usize, place: usize) -> Row<'static> {
    let color = match one.age {
        STUCK.. => Style::new().fg(Color::Red),
        SLOW.. => Style::new().fg(Color::Yellow),
        _ => Style::new(),
    };
    let phase = if one.phase == Phase::Application && !state.is_controlled { "" } else { phase(one.phase) };
    let line = printable(&request_line(one));
    let line = if line.chars().count() > request {
        line.chars().take(request.saturating_sub(1)).chain(['…']).collect()
    } else {
        line
    };
    let place = end(&printable(one.place.as_deref().unwrap_or_default()), place);
    Row::new([format!("{}.{}", one.worker, one.core), span(one.age), phase.to_owned(), line, place]).style(color)
}

fn message(state: &State) -> Line<'static> {
    match state.draining {
        Some(worker) => {
            let text = format!("Drain worker {worker}? It finishes what it holds, and a new one takes its place. y/n");
            Line::styled(text, TITLE.fg(Color::Yellow))
        }
        None => Line::from(printable(&state.message)),
    }
}

fn keys(state: &State) -> Line<'static> {
    let mut keys = vec![("q", "quit"), ("↑↓", "worker"), ("s", "sort"), ("space", "pause")];
    if state.is_controlled {
        keys.extend([("l", "lines"), ("t", "traceback to log"), ("d", "drain")]);
    }
    keys.push(("PgUp PgDn", "requests"));
    let spans = keys.into_iter().flat_map(|(key, what)| [Span::styled(key, TITLE), Span::from(format!(" {what}  "))]);
    Line::from(spans.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::stats::tests::sample;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use std::time::{Duration, Instant};

    fn state(is_controlled: bool) -> State {
        let mut state = State::new("/srv/shop.ini".into(), is_controlled);
        let now = Instant::now();
        state.see(sample(), now);
        let mut later = sample();
        later.stats.workers[0].requests += 250;
        later.running[0].age += 1_000_000;
        state.see(later, now + Duration::from_secs(1));
        state
    }

    fn screen(state: &State, width: u16, height: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| draw(frame, state, 4600)).unwrap();
        terminal.backend().to_string()
    }

    #[test]
    fn the_screen() {
        insta::assert_snapshot!(screen(&state(true), 130, 14));
    }

    #[test]
    fn a_small_one_asking() {
        let mut state = state(true);
        state.draining = Some(2);
        state.is_paused = true;
        insta::assert_snapshot!(screen(&state, 80, 10));
    }

    #[test]
    fn of_a_stats_server() {
        let mut state = state(false);
        state.view.mood.clear();
        state.view.status.clear();
        state.view.since = 0;
        for one in &mut state.view.running {
            one.place = None;
        }
        insta::assert_snapshot!(screen(&state, 110, 12));
    }

    #[test]
    fn no_size_does_harm() {
        let mut state = state(true);
        state.scroll = 1000;
        for (width, height) in [(1, 1), (3, 40), (500, 2), (20, 6)] {
            assert!(!screen(&state, width, height).is_empty());
        }
        state.view.stats.workers.clear();
        assert!(!screen(&state, 80, 24).is_empty());
    }
}
