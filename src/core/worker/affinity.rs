//! `cpu-affinity`: which processors a worker runs on.

use rsgi_sys::schedule;

/// Ties worker `id` (1…) to its share of processors, so many, before it has any thread.
pub(super) fn tie(id: u32, count: u32) {
    let tied = schedule::processors().and_then(|all| {
        let share = share(&all, id, count);
        schedule::run_on(&share).map(|()| share)
    });
    match tied {
        Ok(share) => {
            let names: Vec<_> = share.iter().map(usize::to_string).collect();
            tracing::info!("mapping worker {id} to CPUs: {}", names.join(" "));
        }
        Err(errno) => tracing::warn!("worker {id} runs on any processor: {errno} (cpu-affinity)"),
    }
}

/// Workers take turns, so many processors each, and begin anew when all are given away.
fn share(all: &[usize], id: u32, count: u32) -> Vec<usize> {
    let (id, count) = (id.saturating_sub(1) as usize, count as usize);
    all.iter()
        .copied()
        .cycle()
        .skip((id * count).checked_rem(all.len()).unwrap_or(0))
        .take(count.min(all.len()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_take_turns() {
        let shares = |all: &[usize], count| [1, 2, 3, 4].map(|id| share(all, id, count));
        assert_eq!(shares(&[0, 1], 1), [[0], [1], [0], [1]]);
        assert_eq!(shares(&[0, 1, 2], 2), [[0, 1], [2, 0], [1, 2], [0, 1]]);
        assert_eq!(shares(&[4, 6], 3), [[4, 6], [6, 4], [4, 6], [6, 4]]);
        assert_eq!(share(&[], 1, 1), [0; 0]);
    }
}
