//! `for` and `if` blocks, sections that load each other, definitions: an ini file put together of pieces that mean something. Each byte
//! of the input is a piece.

/// What an ini file is made of, as far as it decides about lines.
const PIECES: &[&str] = &[
    "\n", "\nfor = a b c\n", "\nfor = %(p)\n", "\nfor-times = 3\n", "\nfor-glob = *\n", "\nfor-readline = lines\n", "\nendfor =\n",
    "\nif-env = A\n", "\nif-env = A=%(b)\n", "\nif-not-env = NONE\n", "\nif-opt = p\n", "\nif-not-opt = p=5\n", "\nif-exists = secret\n",
    "\nif-file = lines\n", "\nif-dir = .\n", "\nif-not-dir = none\n", "\nif-hostname = box\n", "\nif-hostname-match = ^b.x$\n",
    "\nif-reload =\n", "\nif-plugin = python\n", "\nelse =\n", "\nendif =\n", "\nset = p=5\n", "\nset = x=%(_)\n",
    "\nset-placeholder = %(_)=y\n", "\nset-placeholder = q=%(p) %(x)\n", "\nini = :more\n", "\nini = more.ini\n", "\nini = more.ini:other\n",
    "\ninherit = more.yaml\n", "\nini = :uwsgi\n", "\n[more]\n", "\n[uwsgi]\n", "\nenv = %(_)=%(p)\n", "\nprint = %(_) %n %k\n",
    "\nstrict =\n", "\nprocesses = %(p)\n", "\nthreads = 2\n", "\ninject-before = lines\n", "\ninject-after = lines\n",
    "\ndeclare-option = my=set-placeholder=z=$1;threads=$2\n", "\nmy = 7\n", "%(_)", "%(p)", "%(x)", "=", "a", ";", "\nexit = 3\n",
    "\nlazy-apps\n", "\ndeclare-option2 = your=my=$1\n", "\nyour = 8 9\n", "\nfor-times = 100\n", "\ncache2 = x\n", "\nhttp = :80%(_)\n",
];

pub(crate) fn run(input: &[u8]) {
    let text: String = input.iter().map(|&byte| PIECES[usize::from(byte) % PIECES.len()]).collect();
    let text = format!("[uwsgi]\n{text}");
    let once = crate::config::file("t.ini", text.as_bytes());
    let again = crate::config::file("t.ini", text.as_bytes());
    assert_eq!(once, again, "the same text means the same");
}
