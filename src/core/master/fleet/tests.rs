//! Scenarios with a clock of their own: no process, no descriptor.

use super::patience::HANGS;
use super::*;

const PLAN: Plan = Plan {
    workers: 2,
    elastic: None,
    cores: 1,
    routers: 0,
    mules: 0,
    spoolers: 0,
    routed_by: 0,
    mercy: Duration::from_secs(60),
    mule_mercy: Duration::from_secs(30),
    pause: Duration::from_secs(2),
    need_app: true,
    check: false,
    lazy: false,
    rolling: false,
};

/// A fleet whose processes do what they are told, unless the scenario says otherwise.
struct Scene {
    fleet: Fleet,
    now: Instant,
    pid: u32,
    /// Actions not yet answered.
    todo: Vec<Action>,
    /// Lines said, with `!` before warnings.
    log: Vec<String>,
    left: Option<Exit>,
    /// Reloads that came to nothing.
    failed: Vec<(Generation, String)>,
}

impl Scene {
    fn new(plan: Plan) -> Self {
        let now = Instant::now();
        let (fleet, todo) = Fleet::start(plan, now);
        let mut scene =
            Self { fleet, now, pid: 100, todo: Vec::new(), log: Vec::new(), left: None, failed: Vec::new() };
        scene.take(todo);
        scene
    }

    /// A fleet whose first generation serves.
    fn serving(plan: Plan) -> Self {
        let mut scene = Self::new(plan);
        scene.obey();
        assert_eq!(scene.fleet.ready_workers(), plan.workers as usize);
        scene.log.clear();
        scene
    }

    fn take(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Say(line) | Action::Alarm(line) => self.log.push(line),
                Action::Warn(line) => self.log.push(format!("! {line}")),
                Action::ReloadFailed(generation, why) => self.failed.push((generation, why)),
                Action::Leave(exit) => self.left = self.left.or(Some(exit)),
                other => self.todo.push(other),
            }
        }
    }

    fn on(&mut self, event: Event) {
        let actions = self.fleet.on(event, self.now);
        self.take(actions);
    }

    fn born(&mut self, who: Who) {
        self.pid += 1;
        self.on(Event::Born(who, self.pid));
    }

    /// Does the first thing that is to be done, as a healthy process would.
    fn step(&mut self) -> bool {
        if self.todo.is_empty() {
            return false;
        }
        match self.todo.remove(0) {
            Action::StartZygote(who, _) | Action::StartRouter(who, _, _) | Action::Fork { who, .. } => {
                self.born(who);
                self.on(Event::Said(who, Report::Ready));
            }
            Action::Tell(who, _) => self.on(Event::Gone(who, Ending::Exited(0))),
            Action::Kill(who) => self.on(Event::Gone(who, Ending::Killed(9))),
            Action::Prepare(_) | Action::Serving(_) | Action::Forget(_) | Action::Unroute(_) => {}
            Action::Say(_) | Action::Warn(_) | Action::Alarm(_) | Action::Leave(_) | Action::ReloadFailed(..) => {
                unreachable!("taken before")
            }
        }
        true
    }

    fn obey(&mut self) {
        let mut steps = 0;
        while self.step() {
            steps += 1;
            assert!(steps < 5000, "the fleet never comes to rest");
        }
    }

    fn wait(&mut self, time: Duration) {
        self.now += time;
        self.on(Event::Tick);
    }

    fn workers(&self) -> Vec<Who> {
        self.fleet.workers.iter().map(|(serial, _)| Who::Worker(*serial)).collect()
    }

    fn zygotes(&self) -> Vec<Who> {
        self.fleet.zygotes.iter().map(|(serial, _)| Who::Zygote(*serial)).collect()
    }

    fn mules(&self) -> Vec<Who> {
        self.fleet.mules.iter().map(|(serial, _)| Who::Mule(*serial)).collect()
    }

    fn spoolers(&self) -> Vec<Who> {
        self.fleet.spoolers.iter().map(|(serial, _)| Who::Spooler(*serial)).collect()
    }

    fn routers(&self) -> Vec<Who> {
        self.fleet.routers.iter().map(|(serial, _)| Who::Router(*serial)).collect()
    }

    /// Starts a reload up to the point where its zygote is to be started.
    fn reload(&mut self, plan: Plan) -> Who {
        self.on(Event::WantReload);
        assert!(matches!(self.todo.pop(), Some(Action::Prepare(_))));
        self.on(Event::Prepared(Some(plan)));
        match self.todo.pop() {
            Some(Action::StartZygote(who, _)) => {
                self.born(who);
                who
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_start_brings_up_zygote_then_workers_and_routers() {
    let mut scene = Scene::new(Plan { routers: 1, ..PLAN });
    let [Action::StartZygote(zygote, 0)] = scene.todo[..] else { panic!("{:?}", scene.todo) };
    scene.todo.clear();
    scene.born(zygote);
    assert_eq!(scene.todo, []);
    scene.on(Event::Said(zygote, Report::Ready));
    assert_eq!(scene.todo.len(), 3);
    scene.obey();
    insta::assert_snapshot!(scene.log.join("\n"), @r"
    worker 1 (pid 102, 1 core) ready
    worker 2 (pid 103, 1 core) ready
    http 1 (pid 104) ready
    ");
    assert_eq!(scene.fleet.status(), "serving generation 0: 2 of 2 workers ready, 1 routers, 1 zygotes");
}

#[test]
fn a_killed_worker_is_replaced_at_once_and_the_others_are_left_alone() {
    let mut scene = Scene::serving(PLAN);
    scene.wait(Duration::from_secs(10));
    let victim = scene.workers()[0];
    scene.on(Event::Gone(victim, Ending::Killed(9)));
    assert!(matches!(scene.todo[..], [Action::Fork { number: 1, .. }]), "{:?}", scene.todo);
    scene.obey();
    insta::assert_snapshot!(scene.log.join("\n"), @r"
    DAMN ! worker 1 (pid: 102) died, killed by signal 9 :( trying respawn ...
    Respawned rsgi worker 1 (new pid: 104)
    worker 1 (pid 104, 1 core) ready
    ");
}

#[test]
fn a_crash_loop_is_slowed_down_without_holding_up_anybody_else() {
    let mut scene = Scene::serving(PLAN);
    scene.wait(Duration::from_secs(10));
    for _ in 0..3 {
        let last = *scene.workers().iter().max().unwrap();
        scene.on(Event::Gone(last, Ending::Killed(11)));
        scene.obey();
    }
    // The first death came late, the second and third at birth; so did the fourth:
    assert_eq!(scene.workers().len(), 2);
    let last = *scene.workers().iter().max().unwrap();
    scene.on(Event::Gone(last, Ending::Killed(11)));
    assert_eq!(scene.todo, []);
    assert!(scene.log.last().unwrap().ends_with("next try in 2 seconds"), "{:?}", scene.log);
    let other = scene.workers()[0];
    scene.on(Event::Gone(other, Ending::Killed(9)));
    assert_eq!(scene.todo.len(), 1, "the other one need not wait");
    scene.obey();
    assert_eq!(scene.fleet.deadline(), Some(scene.now + Duration::from_secs(2)));
    scene.wait(Duration::from_secs(2));
    scene.obey();
    assert_eq!(scene.fleet.ready_workers(), 2);
}

#[test]
fn a_worker_that_left_in_good_order_is_no_accident() {
    let mut scene = Scene::serving(PLAN);
    for _ in 0..10 {
        let first = scene.workers()[0];
        scene.on(Event::Gone(first, Ending::Exited(17)));
        scene.obey();
    }
    assert!(scene.log.iter().all(|line| !line.starts_with('!') && !line.contains("DAMN")), "{:?}", scene.log);
    assert_eq!(scene.fleet.ready_workers(), 2);
}

#[test]
fn a_dead_zygote_is_replaced_and_its_workers_serve_on() {
    let mut scene = Scene::serving(PLAN);
    scene.wait(Duration::from_secs(10));
    let (zygote, workers) = (scene.zygotes()[0], scene.workers());
    scene.on(Event::Gone(zygote, Ending::Killed(9)));
    // A worker that dies meanwhile waits for the new zygote.
    scene.on(Event::Gone(workers[0], Ending::Killed(9)));
    assert!(matches!(scene.todo[..], [Action::StartZygote(_, 0)]), "{:?}", scene.todo);
    scene.obey();
    assert_eq!(scene.fleet.ready_workers(), 2);
    assert!(scene.workers().contains(&workers[1]));
}

#[test]
fn a_start_that_fails_ends_with_the_code_that_fits() {
    for (ending, exit) in
        [(Ending::Exited(22), Exit::NoApp), (Ending::Exited(1), Exit::Config), (Ending::Killed(11), Exit::Config)]
    {
        let mut scene = Scene::new(PLAN);
        let Action::StartZygote(zygote, _) = scene.todo.remove(0) else { panic!() };
        scene.born(zygote);
        scene.on(Event::Gone(zygote, ending));
        assert_eq!(scene.left, Some(exit), "{ending}");
    }
}

#[test]
fn a_lazy_worker_without_application_ends_the_start() {
    let mut scene = Scene::new(PLAN);
    scene.step();
    let who = scene.workers()[0];
    scene.born(who);
    scene.on(Event::Said(who, Report::NoApp));
    assert_eq!(scene.left, None);
    scene.todo.retain(|action| matches!(action, Action::Tell(..) | Action::Kill(..)));
    scene.obey();
    assert_eq!(scene.left, Some(Exit::NoApp));
}

#[test]
fn a_lazy_worker_without_application_is_kept_when_none_is_needed() {
    let mut scene = Scene::new(Plan { need_app: false, ..PLAN });
    scene.step();
    let who = scene.workers()[0];
    scene.on(Event::Said(who, Report::NoApp));
    scene.obey();
    assert_eq!((scene.left, scene.fleet.ready_workers()), (None, 2));
}

#[test]
fn a_reload_sends_the_old_away_when_the_new_serve() {
    let mut scene = Scene::serving(PLAN);
    let old = scene.workers();
    let zygote = scene.reload(Plan { workers: 3, ..PLAN });
    assert_eq!(scene.todo, [], "nothing happens to the old while the new one loads");
    scene.on(Event::Said(zygote, Report::Ready));
    assert_eq!(scene.todo.len(), 3);
    scene.step();
    scene.step();
    assert!(old.iter().all(|who| scene.workers().contains(who)), "all are kept until the last new one serves");
    scene.obey();
    assert_eq!(scene.fleet.ready_workers(), 3);
    assert!(old.iter().all(|who| !scene.workers().contains(who)));
    assert_eq!(scene.zygotes(), [zygote]);
    assert!(scene.log.iter().any(|line| line == "generation 1 serves"), "{:?}", scene.log);
}

#[test]
fn a_reload_that_fails_leaves_everything_as_it_was() {
    // The configuration is broken.
    let mut scene = Scene::serving(PLAN);
    let old = scene.workers();
    scene.on(Event::WantReload);
    scene.todo.clear();
    scene.on(Event::Prepared(None));
    assert_eq!((scene.todo.len(), scene.workers()), (0, old.clone()));
    // The application cannot be imported.
    let zygote = scene.reload(PLAN);
    scene.on(Event::Gone(zygote, Ending::Exited(22)));
    assert_eq!((scene.todo.clone(), scene.workers()), (vec![Action::Forget(1)], old.clone()));
    scene.obey();
    // A new worker dies before it serves.
    let zygote = scene.reload(PLAN);
    scene.on(Event::Said(zygote, Report::Ready));
    let fresh = *scene.workers().last().unwrap();
    scene.on(Event::Gone(fresh, Ending::Killed(11)));
    scene.todo.retain(|action| matches!(action, Action::Tell(..) | Action::Kill(..)));
    scene.obey();
    assert_eq!(scene.workers(), old);
    assert_eq!((scene.fleet.ready_workers(), scene.zygotes().len()), (2, 1));
    let failures = scene.log.iter().filter(|line| line.contains("reload failed") || line.contains("reload refused"));
    assert_eq!(failures.count(), 3, "{:?}", scene.log);
    // And the next one succeeds.
    let zygote = scene.reload(PLAN);
    scene.on(Event::Said(zygote, Report::Ready));
    scene.obey();
    assert_eq!(scene.zygotes(), [zygote]);
}

#[test]
fn a_second_reload_waits_for_the_first() {
    let mut scene = Scene::serving(PLAN);
    let zygote = scene.reload(PLAN);
    scene.on(Event::WantReload);
    scene.on(Event::WantReload);
    assert_eq!(scene.todo, []);
    scene.on(Event::Said(zygote, Report::Ready));
    let prepares = |scene: &Scene| scene.todo.iter().filter(|action| matches!(action, Action::Prepare(2))).count();
    while prepares(&scene) == 0 {
        assert!(scene.step());
    }
    assert_eq!(prepares(&scene), 1);
}

#[test]
fn old_workers_stay_as_long_as_old_routers_need_them() {
    let mut scene = Scene::serving(Plan { routers: 1, ..PLAN });
    let (old_router, old_workers) = (scene.routers()[0], scene.workers());
    let zygote = scene.reload(Plan { routers: 1, routed_by: 1, ..PLAN });
    scene.on(Event::Said(zygote, Report::Ready));
    assert!(!scene.todo.iter().any(|action| matches!(action, Action::StartRouter(..))), "workers first");
    while !scene.todo.contains(&Action::Tell(old_router, Order::Retire)) {
        assert!(scene.step());
    }
    let told = |scene: &Scene, who| scene.todo.contains(&Action::Tell(who, Order::Retire));
    assert!(!told(&scene, old_workers[0]));
    scene.on(Event::Gone(old_router, Ending::Exited(0)));
    assert!(told(&scene, old_workers[0]) && told(&scene, old_workers[1]));
    assert!(scene.todo.contains(&Action::Unroute(0)));
}

#[test]
fn a_reload_that_does_not_concern_routers_keeps_them() {
    let mut scene = Scene::serving(Plan { routers: 1, ..PLAN });
    let router = scene.routers();
    let zygote = scene.reload(Plan { routers: 1, routed_by: 0, ..PLAN });
    scene.on(Event::Said(zygote, Report::Ready));
    scene.obey();
    assert_eq!((scene.routers(), scene.fleet.ready_workers()), (router, 2));
    // A router that dies later is still born of the generation it came with.
    scene.wait(Duration::from_secs(10));
    let router = scene.routers()[0];
    scene.on(Event::Gone(router, Ending::Killed(9)));
    assert!(matches!(scene.todo[..], [Action::StartRouter(_, 0, 1)]), "{:?}", scene.todo);
}

#[test]
fn a_stop_lets_routers_finish_before_their_workers() {
    let mut scene = Scene::serving(Plan { routers: 1, ..PLAN });
    let (router, workers) = (scene.routers()[0], scene.workers());
    scene.on(Event::Stop);
    assert!(scene.todo.contains(&Action::Tell(router, Order::Drain)));
    assert!(!scene.todo.contains(&Action::Tell(workers[0], Order::Drain)));
    scene.wait(Duration::from_secs(1));
    scene.obey();
    assert_eq!(scene.left, Some(Exit::Ok));
    insta::assert_snapshot!(scene.log.join("\n"), @r"
    stopping gracefully (a second signal stops at once)...
    http 1 buried after 1 seconds (pid: 104)
    worker 1 buried after 0 seconds (pid: 102)
    worker 2 buried after 0 seconds (pid: 103)
    ");
}

#[test]
fn who_does_not_leave_is_killed_when_mercy_ends() {
    let mut scene = Scene::serving(Plan { workers: 1, ..PLAN });
    let worker = scene.workers()[0];
    scene.on(Event::Stop);
    let zygote = scene.zygotes()[0];
    scene.on(Event::Gone(zygote, Ending::Exited(0)));
    scene.todo.clear();
    assert_eq!(scene.fleet.deadline(), Some(scene.now + PLAN.mercy));
    scene.wait(Duration::from_secs(59));
    assert_eq!(scene.todo, []);
    scene.wait(Duration::from_secs(1));
    assert_eq!(scene.todo, [Action::Kill(worker)]);
    scene.obey();
    assert_eq!(scene.left, Some(Exit::Ok));
}

#[test]
fn a_second_stop_and_a_quit_do_not_wait() {
    for events in [[Event::Stop, Event::Stop], [Event::Quit, Event::Tick]] {
        let mut scene = Scene::serving(PLAN);
        let worker = scene.workers()[0];
        for event in events {
            scene.on(event);
        }
        assert!(scene.todo.contains(&Action::Tell(worker, Order::Quit)), "{:?}", scene.todo);
        scene.todo.clear();
        scene.wait(QUIT_MERCY);
        assert!(scene.todo.contains(&Action::Kill(worker)));
        scene.obey();
        assert_eq!(scene.left, Some(Exit::Ok));
    }
}

#[test]
fn what_nobody_asked_for_hurries_nobody() {
    let mut scene = Scene::serving(PLAN);
    let worker = scene.workers()[0];
    for event in [Event::End, Event::End, Event::Stop, Event::End] {
        scene.on(event);
        assert!(!scene.todo.contains(&Action::Tell(worker, Order::Quit)), "{event:?}: {:?}", scene.todo);
    }
    scene.on(Event::Stop);
    assert!(scene.todo.contains(&Action::Tell(worker, Order::Quit)), "{:?}", scene.todo);
}

#[test]
fn a_stop_during_a_reload_is_not_forgotten() {
    let mut scene = Scene::serving(PLAN);
    let zygote = scene.reload(PLAN);
    scene.on(Event::Stop);
    assert!(scene.todo.contains(&Action::Kill(zygote)), "it loads and does not listen: {:?}", scene.todo);
    scene.obey();
    assert_eq!(scene.left, Some(Exit::Ok));
    // Also while the configuration is read.
    let mut scene = Scene::serving(PLAN);
    scene.on(Event::WantReload);
    scene.on(Event::Stop);
    scene.on(Event::Prepared(Some(PLAN)));
    scene.obey();
    assert_eq!(scene.left, Some(Exit::Ok));
}

#[test]
fn a_stop_during_the_start_kills_what_cannot_listen_yet() {
    let mut scene = Scene::new(PLAN);
    let Action::StartZygote(zygote, _) = scene.todo.remove(0) else { panic!() };
    scene.born(zygote);
    scene.on(Event::Stop);
    assert_eq!(scene.todo, [Action::Kill(zygote)]);
    scene.obey();
    assert_eq!(scene.left, Some(Exit::Ok));
}

#[test]
fn the_application_may_ask_for_reload_and_stop() {
    let mut scene = Scene::serving(PLAN);
    let worker = scene.workers()[0];
    scene.on(Event::Said(worker, Report::WantsReload));
    assert_eq!(scene.todo, [Action::Prepare(1)]);
    scene.on(Event::Said(worker, Report::WantsStop));
    scene.obey();
    assert_eq!(scene.left, Some(Exit::Ok));
}

#[test]
fn a_worker_that_was_told_to_leave_by_a_signal_goes_unless_all_are_on_their_way() {
    let mut scene = Scene::serving(PLAN);
    let worker = scene.workers()[0];
    scene.on(Event::Said(worker, Report::WantsLeave));
    assert_eq!(scene.todo, [Action::Tell(worker, Order::Drain)]);
    scene.todo.clear();
    scene.on(Event::Stop);
    let told = scene.todo.len();
    scene.on(Event::Said(worker, Report::WantsLeave));
    assert_eq!(scene.todo.len(), told, "its turn comes when the routers are gone");
}

#[test]
fn news_of_a_birth_may_come_after_its_own_word() {
    let mut scene = Scene::new(Plan { workers: 1, ..PLAN });
    scene.step();
    let worker = scene.workers()[0];
    scene.on(Event::Said(worker, Report::Ready));
    assert_eq!(scene.log, Vec::<String>::new());
    scene.on(Event::Born(worker, 7));
    assert_eq!(scene.log, ["worker 1 (pid 7, 1 core) ready"]);
}

#[test]
fn mules_and_spoolers_come_with_the_generation_that_serves_and_go_with_it() {
    let mut scene = Scene::serving(Plan { mules: 1, spoolers: 2, ..PLAN });
    let old = [scene.mules(), scene.spoolers()].concat();
    assert_eq!(old.len(), 3);
    let zygote = scene.reload(Plan { mules: 2, spoolers: 1, ..PLAN });
    scene.on(Event::Said(zygote, Report::Ready));
    let starts_mule = |scene: &Scene| {
        scene
            .todo
            .iter()
            .any(|action| matches!(action, Action::Fork { who: Who::Mule(_) | Who::Spooler(_), generation: 1, .. }))
    };
    assert!(!starts_mule(&scene), "the new generation does not serve yet");
    while !scene.todo.contains(&Action::Serving(1)) {
        assert!(scene.step());
    }
    assert!(starts_mule(&scene));
    assert!(old.iter().all(|mule| scene.todo.contains(&Action::Tell(*mule, Order::Drain))), "{:?}", scene.todo);
    scene.obey();
    assert_eq!((scene.mules().len(), scene.spoolers().len()), (2, 1));
}

#[test]
fn a_mule_that_dies_again_and_again_waits_and_harms_nobody() {
    let mut scene = Scene::serving(Plan { mules: 1, ..PLAN });
    for _ in 0..3 {
        let mule = scene.mules()[0];
        scene.on(Event::Gone(mule, Ending::Exited(1)));
        scene.obey();
    }
    assert!(scene.mules().is_empty());
    assert_eq!((scene.fleet.mood(), scene.fleet.ready_workers()), (Mood::Serving, 2));
    insta::assert_snapshot!(scene.log.last().unwrap(), @"! mule 1 respawning too fast !!! 3 deaths at birth in a row, the last one: exit code 1; next try in 2 seconds");
    scene.wait(Duration::from_secs(2));
    scene.obey();
    assert_eq!(scene.mules().len(), 1);
}

#[test]
fn a_mule_has_its_own_mercy() {
    let mut scene = Scene::serving(Plan { mules: 1, workers: 1, ..PLAN });
    let mule = scene.mules()[0];
    scene.on(Event::Stop);
    scene.wait(Duration::from_secs(31));
    assert!(scene.todo.contains(&Action::Kill(mule)));
    assert_eq!(scene.todo.iter().filter(|action| matches!(action, Action::Kill(_))).count(), 1);
}

/// The number of each worker that a generation has, leaving ones as negative numbers.
fn roster(scene: &Scene, generation: Generation) -> Vec<i64> {
    let members = scene.fleet.workers.iter().map(|(_, member)| member).filter(|member| member.generation == generation);
    let mut found: Vec<_> = members
        .map(|member| if member.is_leaving() { -i64::from(member.number) } else { member.number.into() })
        .collect();
    found.sort_unstable();
    found
}

#[test]
fn a_check_comes_before_the_first_worker() {
    let mut scene = Scene::serving(PLAN);
    let zygote = scene.reload(Plan { check: true, ..PLAN });
    scene.on(Event::Said(zygote, Report::Ready));
    let [Action::Fork { who: probe @ Who::Probe(_), generation: 1, .. }] = scene.todo[..] else {
        panic!("{:?}", scene.todo)
    };
    scene.todo.clear();
    scene.born(probe);
    scene.on(Event::Tick);
    assert!(scene.todo.is_empty(), "nobody is forked before the answer is there");
    scene.on(Event::Said(probe, Report::Ready));
    scene.on(Event::Gone(probe, Ending::Exited(0)));
    scene.obey();
    assert_eq!((roster(&scene, 0).len(), roster(&scene, 1)), (0, vec![1, 2]));
    assert!(!scene.log.iter().any(|line| line.contains("probe")), "{:?}", scene.log);
    assert_eq!(scene.failed, []);
}

#[test]
fn a_check_that_is_not_passed_leaves_everything_as_it_is() {
    let reasons = [
        (Ending::Exited(Exit::Unhealthy.code()), "the check was not passed"),
        (Ending::Killed(11), "the process of the check died, killed by signal 11"),
    ];
    for (ending, reason) in reasons {
        let mut scene = Scene::serving(PLAN);
        let before = scene.workers();
        let zygote = scene.reload(Plan { check: true, ..PLAN });
        scene.on(Event::Said(zygote, Report::Ready));
        let Some(Action::Fork { who: probe, .. }) = scene.todo.pop() else { panic!() };
        scene.born(probe);
        scene.on(Event::Gone(probe, ending));
        scene.obey();
        assert_eq!((scene.workers(), scene.zygotes().len()), (before, 1));
        assert_eq!(scene.failed, [(1, reason.to_owned())]);
        // The next attempt has its own check.
        let zygote = scene.reload(Plan { check: true, ..PLAN });
        scene.on(Event::Said(zygote, Report::Ready));
        assert!(matches!(scene.todo[..], [Action::Fork { who: Who::Probe(_), generation: 2, .. }]), "{:?}", scene.todo);
    }
}

#[test]
fn a_rolling_reload_has_one_worker_too_many_at_most() {
    let plan = Plan { workers: 3, ..PLAN };
    let mut scene = Scene::serving(plan);
    let zygote = scene.reload(Plan { rolling: true, ..plan });
    scene.on(Event::Said(zygote, Report::Ready));
    let mut seen = Vec::new();
    loop {
        let sizes = (roster(&scene, 0), roster(&scene, 1));
        assert!(sizes.0.len() + sizes.1.len() <= 4, "{sizes:?}");
        if seen.last() != Some(&sizes) {
            seen.push(sizes);
        }
        if !scene.step() {
            break;
        }
    }
    let expected: [(&[i64], &[i64]); 7] = [
        (&[1, 2, 3], &[1]),
        (&[-1, 2, 3], &[1]),
        (&[2, 3], &[1, 2]),
        (&[-2, 3], &[1, 2]),
        (&[3], &[1, 2, 3]),
        (&[-3], &[1, 2, 3]),
        (&[], &[1, 2, 3]),
    ];
    assert_eq!(seen, expected.map(|(old, new)| (old.to_vec(), new.to_vec())));
    assert_eq!(scene.failed, []);
}

#[test]
fn a_rolling_reload_that_fails_half_way_goes_back() {
    let mut scene = Scene::serving(PLAN);
    scene.on(Event::WantRollingReload);
    scene.step();
    scene.on(Event::Prepared(Some(PLAN)));
    // Zygote, first new worker, end of the first old one.
    (0..3).for_each(|_| assert!(scene.step()));
    let Some(Action::Fork { who, number: 2, generation: 1, .. }) = scene.todo.pop() else { panic!("{:?}", scene.todo) };
    scene.born(who);
    scene.on(Event::Gone(who, Ending::Killed(11)));
    scene.obey();
    assert_eq!((roster(&scene, 0), roster(&scene, 1)), (vec![1, 2], vec![]));
    assert_eq!(scene.failed.len(), 1);
}

#[test]
fn a_new_worker_that_dies_later_in_a_rolling_reload_is_replaced_by_a_new_one() {
    let mut scene = Scene::serving(PLAN);
    let zygote = scene.reload(Plan { rolling: true, ..PLAN });
    scene.on(Event::Said(zygote, Report::Ready));
    assert!(scene.step());
    let new = *scene.workers().last().expect("a worker");
    scene.on(Event::Gone(new, Ending::Killed(9)));
    scene.obey();
    assert_eq!((roster(&scene, 0), roster(&scene, 1)), (vec![], vec![1, 2]));
}

const ELASTIC: Plan = Plan { workers: 4, elastic: Some(Elastic { least: 1, first: 2, may_rest: true }), ..PLAN };

/// Numbers of the workers that live and do not leave.
fn numbers(scene: &Scene) -> Vec<u32> {
    let staying = scene.fleet.workers.iter().filter(|(_, worker)| !worker.is_leaving());
    staying.map(|(_, worker)| worker.number).collect::<std::collections::BTreeSet<_>>().into_iter().collect()
}

impl Scene {
    /// A fleet whose number of workers changes, and which serves.
    fn elastic(plan: Plan) -> Self {
        let mut scene = Self::new(plan);
        scene.obey();
        scene.log.clear();
        scene
    }

    fn scale(&mut self, scale: Scale) {
        self.on(Event::Scale(scale));
    }
}

#[test]
fn workers_come_and_go_and_keep_their_numbers() {
    let mut scene = Scene::elastic(ELASTIC);
    assert_eq!(numbers(&scene), [1, 2]);
    scene.scale(Scale::Grow(2));
    scene.obey();
    assert_eq!(numbers(&scene), [1, 2, 3, 4]);
    scene.scale(Scale::Shrink(2));
    assert!(matches!(scene.todo[..], [Action::Tell(Who::Worker(_), Order::Retire)]), "{:?}", scene.todo);
    scene.obey();
    assert_eq!(numbers(&scene), [1, 3, 4]);
    scene.scale(Scale::Grow(9));
    scene.obey();
    assert_eq!(numbers(&scene), [1, 2, 3, 4]);
    insta::assert_snapshot!(scene.log.join("\n"), @r"
    worker 3 (pid 104, 1 core) ready
    worker 4 (pid 105, 1 core) ready
    worker 2 killed successfully (pid: 103)
    rsgi worker 2 cheaped.
    worker 2 (pid 106, 1 core) ready
    ");
}

#[test]
fn a_worker_that_was_stopped_is_killed_when_its_mercy_ends_and_its_number_is_taken_last() {
    let mut scene = Scene::elastic(Plan { workers: 3, ..ELASTIC });
    scene.scale(Scale::Shrink(1));
    scene.todo.clear();
    scene.scale(Scale::Grow(1));
    assert!(matches!(scene.todo[..], [Action::Fork { number: 3, .. }]), "{:?}", scene.todo);
    scene.obey();
    scene.wait(Duration::from_secs(60));
    assert!(matches!(scene.todo[..], [Action::Kill(Who::Worker(_))]), "{:?}", scene.todo);
    scene.obey();
    assert_eq!(numbers(&scene), [2, 3]);
    assert_eq!(scene.log.last().unwrap(), "rsgi worker 1 cheaped.");
    // One that dies is replaced, one that was stopped is not.
    let worker = scene.workers()[0];
    scene.on(Event::Gone(worker, Ending::Killed(9)));
    scene.obey();
    assert_eq!(numbers(&scene), [2, 3]);
}

#[test]
fn a_reload_keeps_the_number_of_workers() {
    let mut scene = Scene::elastic(ELASTIC);
    scene.scale(Scale::Grow(1));
    scene.obey();
    let reload = |scene: &mut Scene, plan: Plan| {
        let zygote = scene.reload(plan);
        scene.on(Event::Said(zygote, Report::Ready));
        scene.obey();
        numbers(scene).len()
    };
    assert_eq!(reload(&mut scene, ELASTIC), 3);
    assert_eq!(reload(&mut scene, Plan { workers: 2, ..ELASTIC }), 2);
    let more = Elastic { least: 3, first: 3, may_rest: true };
    assert_eq!(reload(&mut scene, Plan { elastic: Some(more), ..ELASTIC }), 3);
    assert_eq!(reload(&mut scene, Plan { elastic: None, ..ELASTIC }), 4);
    assert_eq!(reload(&mut scene, ELASTIC), 4);
    scene.scale(Scale::Rest);
    scene.obey();
    assert_eq!((numbers(&scene).len(), scene.fleet.mood()), (0, Mood::Serving));
    assert_eq!(reload(&mut scene, ELASTIC), 0);
    assert_eq!(scene.fleet.serving, 6);
    scene.scale(Scale::Grow(1));
    scene.obey();
    assert_eq!(numbers(&scene), [1]);
}

#[test]
fn a_generation_that_rests_is_checked_too() {
    let mut scene = Scene::elastic(ELASTIC);
    scene.scale(Scale::Rest);
    scene.obey();
    let zygote = scene.reload(Plan { check: true, ..ELASTIC });
    scene.on(Event::Said(zygote, Report::Ready));
    assert_eq!((scene.fleet.serving, scene.fleet.mood()), (0, Mood::Reloading));
    scene.obey();
    assert_eq!((scene.fleet.serving, scene.fleet.mood()), (1, Mood::Serving));
}

#[test]
fn the_load_may_change_during_a_reload() {
    let mut scene = Scene::elastic(ELASTIC);
    let zygote = scene.reload(ELASTIC);
    scene.scale(Scale::Grow(1));
    scene.obey();
    assert_eq!(scene.fleet.ready_workers(), 3);
    scene.scale(Scale::Shrink(1));
    scene.scale(Scale::Grow(2));
    scene.on(Event::Said(zygote, Report::Ready));
    scene.obey();
    assert_eq!((scene.fleet.serving, numbers(&scene)), (1, vec![1, 2, 3, 4]));
}

#[test]
fn an_instance_without_workers_serves_from_the_start() {
    let cheap = Elastic { least: 2, first: 0, may_rest: true };
    let mut scene = Scene::new(Plan { workers: 2, routers: 1, elastic: Some(cheap), ..PLAN });
    scene.obey();
    assert_eq!((scene.fleet.mood(), numbers(&scene).len(), scene.routers().len()), (Mood::Serving, 0, 1));
    assert_eq!(scene.fleet.seats(), []);
    scene.scale(Scale::Grow(2));
    assert_eq!(scene.fleet.seats(), [1, 2].map(|number| Seat { number, serves: false }));
    scene.obey();
    assert_eq!(scene.fleet.seats(), [1, 2].map(|number| Seat { number, serves: true }));
    scene.on(Event::Stop);
    scene.obey();
    assert_eq!(scene.left, Some(Exit::Ok));
}

/// What the fleet wants forked.
fn forked(scene: &mut Scene) -> (Who, bool) {
    match scene.todo.remove(0) {
        Action::Fork { who, stands_by, .. } => (who, stands_by),
        other => panic!("{other:?}"),
    }
}

impl Scene {
    /// A fleet of one worker with lazy loading that has served enough; its successor, not born yet.
    fn weary() -> (Self, Who, Who) {
        let mut scene = Self::serving(Plan { workers: 1, lazy: true, ..PLAN });
        let worker = scene.workers()[0];
        scene.on(Event::Said(worker, Report::WantsSuccessor));
        let (successor, stands_by) = forked(&mut scene);
        assert!(stands_by);
        (scene, worker, successor)
    }
}

#[test]
fn a_worker_that_has_served_enough_stays_until_its_successor_stands_by() {
    let (mut scene, worker, successor) = Scene::weary();
    scene.born(successor);
    scene.on(Event::Said(worker, Report::WantsSuccessor));
    assert_eq!((&scene.todo[..], scene.fleet.ready_workers()), (&[][..], 1));
    scene.on(Event::Said(successor, Report::Ready));
    assert_eq!(scene.todo, [Action::Tell(worker, Order::Retire)]);
    scene.todo.clear();
    scene.on(Event::Gone(worker, Ending::Exited(Exit::WorkerEnd.code())));
    assert_eq!(scene.todo, [Action::Tell(successor, Order::Begin)]);
    scene.todo.clear();
    scene.on(Event::Said(successor, Report::Ready));
    assert_eq!((&scene.todo[..], scene.fleet.ready_workers()), (&[][..], 1));
    insta::assert_snapshot!(scene.log.join("\n"), @r"
    worker 1 killed successfully (pid: 102)
    Respawned rsgi worker 1 (new pid: 103)
    worker 1 (pid 103, 1 core) ready
    ");
}

#[test]
fn a_successor_that_dies_leaves_the_old_worker_in_its_place() {
    let (mut scene, worker, mut successor) = Scene::weary();
    for attempt in 1..=3 {
        scene.born(successor);
        scene.on(Event::Gone(successor, Ending::Exited(1)));
        assert_eq!(scene.workers(), if attempt < 3 { vec![worker, Who::Worker(attempt + 3)] } else { vec![worker] });
        if attempt < 3 {
            successor = forked(&mut scene).0;
        }
    }
    assert_eq!((&scene.todo[..], scene.fleet.ready_workers()), (&[][..], 1));
    assert!(scene.log.last().unwrap().ends_with("next try in 2 seconds"), "{:?}", scene.log);
    assert_eq!(scene.fleet.deadline(), Some(scene.now + PLAN.pause));
    scene.wait(PLAN.pause);
    assert_eq!(forked(&mut scene), (Who::Worker(6), true));
}

#[test]
fn a_worker_that_dies_is_followed_by_its_successor_as_soon_as_that_is_ready() {
    for ready_before in [true, false] {
        let (mut scene, worker, successor) = Scene::weary();
        scene.born(successor);
        if ready_before {
            scene.on(Event::Said(successor, Report::Ready));
            scene.todo.clear();
        }
        scene.on(Event::Gone(worker, Ending::Killed(9)));
        if !ready_before {
            assert_eq!(scene.todo, [], "its place is taken");
            scene.on(Event::Said(successor, Report::Ready));
        }
        assert_eq!(scene.todo, [Action::Tell(successor, Order::Begin)]);
    }
}

#[test]
fn a_worker_that_makes_room_and_loses_its_successor_is_replaced_when_it_is_gone() {
    let (mut scene, worker, successor) = Scene::weary();
    scene.born(successor);
    scene.on(Event::Said(successor, Report::Ready));
    scene.todo.clear();
    scene.on(Event::Gone(successor, Ending::Killed(9)));
    assert_eq!(scene.todo, [], "two of one number would share a place on the scoreboard");
    scene.on(Event::Gone(worker, Ending::Exited(0)));
    assert!(!forked(&mut scene).1);
}

#[test]
fn nobody_stands_by_for_what_is_not_to_be_any_more() {
    // A stop, a reload, fewer workers.
    let (mut scene, worker, successor) = Scene::weary();
    scene.born(successor);
    scene.on(Event::Stop);
    assert!([worker, successor].iter().all(|who| scene.todo.contains(&Action::Tell(*who, Order::Drain))));
    scene.obey();
    assert_eq!(scene.left, Some(Exit::Ok));

    let (mut scene, worker, successor) = Scene::weary();
    scene.born(successor);
    let zygote = scene.reload(Plan { workers: 1, lazy: true, ..PLAN });
    scene.on(Event::Said(zygote, Report::Ready));
    scene.step();
    assert!([worker, successor].iter().all(|who| scene.todo.contains(&Action::Tell(*who, Order::Retire))));
    scene.obey();
    assert_eq!((roster(&scene, 0), roster(&scene, 1)), (vec![], vec![1]));

    let mut scene = Scene::elastic(Plan { lazy: true, ..ELASTIC });
    let worker = scene.workers()[1];
    scene.on(Event::Relieve(worker));
    let (successor, _) = forked(&mut scene);
    scene.born(successor);
    scene.scale(Scale::Shrink(2));
    assert!([worker, successor].iter().all(|who| scene.todo.contains(&Action::Tell(*who, Order::Retire))));
    scene.obey();
    assert_eq!(numbers(&scene), [1]);
}

#[test]
fn where_the_zygote_has_the_application_a_worker_just_leaves() {
    let mut scene = Scene::serving(PLAN);
    let worker = scene.workers()[0];
    scene.on(Event::Relieve(worker));
    assert_eq!(scene.todo, [Action::Tell(worker, Order::Retire)]);
}

#[test]
fn what_cannot_be_started_is_tried_again_soon_and_told_once() {
    let mut scene = Scene::serving(Plan { routers: 1, ..PLAN });
    let worker = scene.workers()[0];
    scene.on(Event::Gone(worker, Ending::Killed(9)));
    scene.log.clear();
    // However often: no pause grows.
    for _ in 0..50 {
        let Some(Action::Fork { who, .. }) = scene.todo.pop() else { panic!("{:?}", scene.todo) };
        scene.on(Event::Gone(who, Ending::Unborn));
        assert!(scene.todo.is_empty(), "not at once: {:?}", scene.todo);
        let due = scene.fleet.deadline().expect("another try");
        assert!(due - scene.now <= Duration::from_millis(250));
        scene.wait(Duration::from_millis(250));
    }
    insta::assert_snapshot!(scene.log.join("\n"), @"DAMN ! worker 1 cannot be started :( it is tried again until it can be");
    scene.obey();
    assert_eq!((scene.fleet.mood(), scene.fleet.ready_workers()), (Mood::Serving, 2));
    // The next time is news again.
    scene.log.clear();
    let worker = scene.workers()[0];
    scene.on(Event::Gone(worker, Ending::Killed(9)));
    let Some(Action::Fork { who, .. }) = scene.todo.pop() else { panic!("{:?}", scene.todo) };
    scene.on(Event::Gone(who, Ending::Unborn));
    assert!(scene.log.iter().any(|line| line.contains("cannot be started")), "{:?}", scene.log);
}

#[test]
fn a_reload_that_fails_during_the_start_leaves_the_start_as_it_was() {
    let serving = |scene: &Scene| scene.todo.iter().filter(|action| matches!(action, Action::Serving(_))).count();
    for is_refused in [true, false] {
        let mut scene = Scene::new(Plan { workers: 1, ..PLAN });
        scene.step();
        let Some(Action::Fork { who: worker, .. }) = scene.todo.pop() else { panic!("{:?}", scene.todo) };
        scene.born(worker);
        if is_refused {
            scene.on(Event::WantReload);
            scene.todo.clear();
            scene.on(Event::Prepared(None));
        } else {
            let zygote = scene.reload(PLAN);
            scene.on(Event::Gone(zygote, Ending::Exited(22)));
        }
        assert_eq!((scene.fleet.mood(), scene.failed.len(), scene.left), (Mood::Starting, 1, None));
        assert!(scene.log.last().unwrap().ends_with("generation 0 goes on starting"), "{:?}", scene.log);
        assert_eq!(serving(&scene), 0);
        scene.on(Event::Said(worker, Report::Ready));
        assert_eq!((serving(&scene), scene.fleet.mood()), (1, Mood::Serving));
        assert!(scene.todo.contains(&Action::Serving(0)));
        scene.todo.clear();
        scene.on(Event::Tick);
        assert_eq!(scene.todo, []);
    }
}

#[test]
fn a_start_that_came_to_its_end_during_a_reload_serves_when_that_fails() {
    let mut scene = Scene::new(Plan { workers: 1, ..PLAN });
    scene.step();
    let Some(Action::Fork { who: worker, .. }) = scene.todo.pop() else { panic!("{:?}", scene.todo) };
    scene.born(worker);
    scene.on(Event::WantReload);
    scene.on(Event::WantReload);
    scene.todo.clear();
    scene.on(Event::Said(worker, Report::Ready));
    assert_eq!(scene.todo, []);
    scene.on(Event::Prepared(None));
    assert_eq!(scene.todo, [Action::Serving(0), Action::Prepare(1)], "the second wish is not forgotten");
}

#[test]
fn a_start_without_application_ends_after_a_reload_that_failed_too() {
    let mut scene = Scene::new(PLAN);
    scene.step();
    let worker = scene.workers()[0];
    scene.on(Event::WantReload);
    scene.on(Event::Said(worker, Report::NoApp));
    assert_eq!(scene.fleet.mood(), Mood::Reloading);
    scene.on(Event::Prepared(None));
    assert_eq!(scene.fleet.mood(), Mood::Stopping);
    scene.todo.retain(|action| matches!(action, Action::Tell(..) | Action::Kill(..)));
    scene.obey();
    assert_eq!(scene.left, Some(Exit::NoApp));
}

#[test]
fn many_workers_are_asked_for_in_portions() {
    let asked = |scene: &Scene| scene.todo.iter().filter(|action| matches!(action, Action::Fork { .. })).count();
    let plan = Plan { workers: 150, mules: 5, ..PLAN };
    let mut scene = Scene::new(plan);
    scene.step();
    let mut most = 0;
    while scene.step() {
        most = most.max(asked(&scene));
    }
    assert_eq!((most, scene.fleet.ready_workers(), scene.mules().len()), (64, 150, 5));
    // So are those of a reload.
    let zygote = scene.reload(plan);
    scene.on(Event::Said(zygote, Report::Ready));
    assert_eq!(asked(&scene), 64);
    scene.obey();
    assert_eq!((roster(&scene, 0).len(), roster(&scene, 1).len()), (0, 150));
    assert_eq!(scene.failed, []);
}

#[test]
fn a_reload_whose_application_hangs_makes_way_for_the_next() {
    let mut scene = Scene::serving(PLAN);
    let old = scene.workers();
    let hanging = scene.reload(PLAN);
    scene.on(Event::WantReload);
    assert_eq!((scene.failed.len(), scene.fleet.deadline()), (0, Some(scene.now + HANGS)), "most only take their time");
    scene.wait(HANGS);
    assert_eq!(scene.failed, [(1, "another reload was asked for".to_owned())]);
    assert!(
        scene.todo.contains(&Action::Kill(hanging)) && scene.todo.contains(&Action::Prepare(2)),
        "{:?}",
        scene.todo
    );
    assert_eq!(scene.workers(), old);
    scene.obey();
    scene.on(Event::Prepared(Some(PLAN)));
    scene.obey();
    assert_eq!((scene.fleet.serving, scene.fleet.mood(), scene.failed.len()), (2, Mood::Serving, 1));
    // With lazy loading it is the first worker that hangs.
    let zygote = scene.reload(Plan { lazy: true, ..PLAN });
    scene.on(Event::Said(zygote, Report::Ready));
    scene.wait(HANGS);
    scene.on(Event::WantReload);
    assert_eq!(scene.failed.len(), 2, "it has had its time already");
    scene.obey();
    scene.on(Event::Prepared(Some(PLAN)));
    scene.obey();
    assert_eq!((scene.fleet.serving, scene.fleet.mood()), (4, Mood::Serving));
}

#[test]
fn one_worker_that_hangs_holds_up_no_later_reload() {
    let plan = Plan { lazy: true, ..PLAN };
    let mut scene = Scene::serving(plan);
    let old = scene.workers();
    let zygote = scene.reload(plan);
    scene.on(Event::Said(zygote, Report::Ready));
    let new: Vec<_> = scene.workers().into_iter().filter(|worker| !old.contains(worker)).collect();
    scene.wait(Duration::from_secs(4));
    scene.on(Event::Said(new[0], Report::Ready));
    scene.on(Event::WantReload);
    let patience = Duration::from_secs(12);
    assert_eq!(scene.fleet.deadline(), Some(scene.now + patience), "the other may take three times as long");
    scene.wait(patience - Duration::from_millis(1));
    assert_eq!(scene.failed, []);
    scene.wait(Duration::from_millis(1));
    assert_eq!(scene.failed, [(1, "another reload was asked for".to_owned())]);
    scene.obey();
    scene.on(Event::Prepared(Some(plan)));
    scene.obey();
    assert_eq!((scene.fleet.serving, scene.fleet.mood()), (2, Mood::Serving));
}

#[test]
fn what_dies_before_it_serves_has_died_at_birth_however_long_it_took() {
    let mut scene = Scene::serving(Plan { workers: 1, lazy: true, ..PLAN });
    scene.wait(Duration::from_secs(10));
    let first = scene.workers()[0];
    scene.on(Event::Gone(first, Ending::Killed(9)));
    for death in 1..=3 {
        let (worker, _) = forked(&mut scene);
        scene.born(worker);
        scene.wait(Duration::from_secs(5));
        scene.on(Event::Gone(worker, Ending::Exited(1)));
        assert_eq!(scene.todo.is_empty(), death == 3, "{death}");
    }
    assert!(scene.log.last().unwrap().ends_with("next try in 2 seconds"), "{:?}", scene.log);
}
