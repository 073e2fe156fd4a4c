# The packages from their installation to their purge, in the words of docs/deploy/debian.md.
. /opt/guest/lib.sh
cd /opt/packages
export DEBIAN_FRONTEND=noninteractive

t "nothing is there before" bash -c '! find /etc /usr /var /run -xdev -name "*rsgi*" | grep .'

page "Install"
t "the manual is there" man --where rsgi
t "completions are there" test -s /usr/share/bash-completion/completions/rsgi
t "systemd finds no fault in the units" bash -c '! systemd-analyze verify --man=no --recursive-errors=no rsgi@hello.service rsgi@hello.socket 2>&1 | grep .'

page "An instance"
t "it has a user of its own" bash -c '[ "$(systemctl show -P UID rsgi@hello)" -ge 61184 ]'
page "A change"
t "a reload under load loses nothing" under_load 8080 systemctl reload rsgi@hello
echo "no Python" > /srv/hello/hello.py
t "a broken change fails the reload, with its traceback" bash -c '! systemctl reload rsgi@hello && journalctl -u rsgi@hello | grep SyntaxError'
t "and the code of before serves" curl --silent --show-error --fail http://localhost:8080/
cp /opt/guest/app.py /srv/hello/hello.py

page "Started by its socket, behind nginx"
t "nobody has started it but the request" test "$(systemctl is-enabled rsgi@hello) $(property rsgi@hello ActiveState)" != "disabled inactive"
t "it has told that it serves" systemctl start rsgi@hello
pid=$(property rsgi@hello MainPID)
inode=$(stat --format=%i /run/rsgi-hello.sock)
t "two reloads under load lose nothing" under_load 80 bash -c 'systemctl reload rsgi@hello && systemctl reload rsgi@hello'
t "process and socket are those of before" test "$pid $inode" = "$(property rsgi@hello MainPID) $(stat --format=%i /run/rsgi-hello.sock)"

mark
t "a master hangs" hang "$pid"
t "the watchdog ends a master that hangs" awaited "rsgi@hello.service: Watchdog timeout"
t "and starts another" awaited "Started rsgi@hello"
t "which serves at the same socket" bash -c 'curl --silent --show-error --fail http://localhost/ | grep uid='
t "by another process" test "$pid" != "$(property rsgi@hello MainPID)"

t "files in place of the journal" bash -c 'echo "logto = /var/log/rsgi/hello/rsgi.log" >> /etc/rsgi/hello.ini && systemctl restart rsgi@hello && curl --silent --fail http://localhost/'
t "are turned over" bash -c 'logrotate --force /etc/logrotate.d/rsgi && test -s /var/log/rsgi/hello/rsgi.log.1'
t "and opened anew" bash -c 'for try in 1 2; do curl --silent --fail http://localhost/; done && grep "GET /" /var/log/rsgi/hello/rsgi.log'
t "the journal again" bash -c 'sed -i /logto/d /etc/rsgi/hello.ini && systemctl restart rsgi@hello'

pid=$(property rsgi@hello MainPID)
upgrade() { page "A new version"; }
t "a new version under load loses nothing" under_load 80 upgrade
t "and runs in the same process" bash -c "[ $pid = \$(systemctl show -P MainPID rsgi@hello) ] && journalctl -u rsgi@hello | grep -i upgrade"

# A stop lets the request end that is being answered.
mark
curl --silent --show-error --fail http://localhost/slow > /tmp/slow & slow=$!
t "a slow request has begun" awaited "slow has begun"
t "stop" systemctl stop rsgi@hello.socket rsgi@hello.service
wait $slow
t "the slow request has its answer" grep uid= /tmp/slow
t "it has ended in order" test "$(property rsgi@hello Result) $(systemctl is-active rsgi@hello)" = "success inactive"

t "the socket again, for the purge to stop" systemctl start rsgi@hello.socket rsgi@hello
page "Remove"
t "nothing runs" bash -c '! pgrep --list-full rsgi'
t "no socket is left" test ! -e /run/rsgi-hello.sock
t "nothing is left" bash -c '! find /etc /usr /var /run -xdev -name "*rsgi*" | grep .'

# The same unit without the packages, in the words of docs/deploy/systemd.md.
for package in rsgi_*.deb rsgi-plugin-*.deb; do
    dpkg-deb --fsys-tarfile $package | tar --extract --directory=/ ./usr/bin ./usr/lib 2>/dev/null
done
install -D /opt/guest/app.py /srv/shop/app.py
install -D /dev/stdin /etc/rsgi/shop.ini <<< $'[uwsgi]\nchdir = /srv/shop\nmodule = app\nhttp = :8080'
page "Start at boot with systemd"
t "it has started and ended in order" bash -c '[ "$(systemctl show -P Result rsgi@shop)" = success ] && journalctl -u rsgi@shop | grep "goodbye"'
sed -i 's/^http = .*/http-socket = fd:\/\/3/' /etc/rsgi/shop.ini
page "Socket activation"
t "its socket speaks HTTP" curl --silent --show-error --fail --unix-socket /run/rsgi-shop.sock http://localhost/
t "a program takes over under load" under_load /run/rsgi-shop.sock bash -eu "/opt/guest/page/After an update of rsgi"
t "it ends" systemctl stop rsgi@shop.socket rsgi@shop
verdict
