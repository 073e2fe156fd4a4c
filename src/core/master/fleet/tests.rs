//! Scenarios with a clock of their own: no process, no descriptor.

use super::*;

const PLAN: Plan = Plan {
    workers: 2,
    cores: 1,
    routers: 0,
    mules: 0,
    spoolers: 0,
    routed_by: 0,
    mercy: Duration::from_secs(60),
    mule_mercy: Duration::from_secs(30),
    pause: Duration::from_secs(2),
    need_app: true,
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
}

impl Scene {
    fn new(plan: Plan) -> Self {
        let now = Instant::now();
        let (fleet, todo) = Fleet::start(plan, now);
        let mut scene = Self { fleet, now, pid: 100, todo: Vec::new(), log: Vec::new(), left: None };
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
                Action::Say(line) => self.log.push(line),
                Action::Warn(line) => self.log.push(format!("! {line}")),
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
            Action::Say(_) | Action::Warn(_) | Action::Leave(_) => unreachable!("taken before"),
        }
        true
    }

    fn obey(&mut self) {
        let mut steps = 0;
        while self.step() {
            steps += 1;
            assert!(steps < 1000, "the fleet never comes to rest");
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
    assert!(scene.log.last().unwrap().ends_with("respawning too fast !!! next try in 2 seconds"), "{:?}", scene.log);
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
    while !scene.todo.contains(&Action::Tell(old_router, Order::Drain)) {
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
    insta::assert_snapshot!(scene.log.last().unwrap(), @"! mule 1 respawning too fast !!! next try in 2 seconds");
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
