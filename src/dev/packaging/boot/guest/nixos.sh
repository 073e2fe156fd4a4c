# The units of the NixOS module: `web` started by its socket, `api` with a user of its own on port 80, an emperor.
. /opt/guest/lib.sh

useradd --system api
for name in web api blog wiki; do install -D /opt/guest/app.py /srv/$name/app.py; done
install -D /dev/stdin /run/keys/secret <<< s3cret
cat > /etc/nginx/sites-enabled/default <<'END'
server { listen 81; location / { include uwsgi_params; uwsgi_pass unix:/run/rsgi-web.sock; } }
server { listen 82; location / { include uwsgi_params; uwsgi_pass unix:/run/rsgi/emperor/blog.sock; } }
server { listen 83; location / { include uwsgi_params; uwsgi_pass unix:/run/rsgi/emperor/wiki.sock; } }
END
systemctl daemon-reload
t "nginx" systemctl restart nginx
web() { curl --silent --show-error --fail --max-time 30 "http://localhost:81$1"; }
tells() { web / | grep --line-regexp "$1"; }

t "socket" systemctl start rsgi-web.socket
t "the service is not up yet" test "$(systemctl is-active rsgi-web.service)" = inactive
t "the first request starts it" tells 'greeting=hello "world"'
# An answer may be faster than the message to systemd; a start that is under way is waited for.
t "it has told that it serves" systemctl start rsgi-web
t "itself" test "$(property rsgi-web ActiveState) $(property rsgi-web Type)" = "active notify"
t "its status tells what there is" bash -c 'systemctl show -P StatusText rsgi-web | grep "2 of 2 workers ready"'
t "a user of its own" bash -c '[ "$(systemctl show -P UID rsgi-web)" -ge 61184 ]'
t "the application runs as that" tells "uid=$(property rsgi-web UID)"
t "its secret" tells secret=s3cret

pid=$(property rsgi-web MainPID)
inode=$(stat --format=%i /run/rsgi-web.sock)
t "two reloads under load lose nothing" under_load 81 bash -c 'systemctl reload rsgi-web && systemctl reload rsgi-web'
t "process and socket are those of before" test "$pid $inode" = "$(property rsgi-web MainPID) $(stat --format=%i /run/rsgi-web.sock)"
t "another generation serves" bash -c 'systemctl show -P StatusText rsgi-web | grep "generation 2"'

mark
t "a master hangs" hang "$pid"
t "the watchdog ends a master that hangs" awaited "rsgi-web.service: Watchdog timeout"
t "and starts another" awaited "Started rsgi-web"
t "which serves at the same socket" tells "secret=s3cret"
t "once" test "$(property rsgi-web NRestarts)" -eq 1

t "root outside can do all of it" python3.11 /srv/web/app.py
t "the application can do none of it" bash -c 'curl --silent --fail http://localhost:81/allowed | tee /dev/stderr | grep --line-regexp allowed=0'
t "file system read-only" bash -c "nsenter --target $(property rsgi-web MainPID) --mount touch /usr/x 2>&1 | grep Read-only"
for process in $(pgrep --full "rsgi (http|zygote|worker)|rsgi --ini /etc/rsgi/web.ini"); do
    t "no capabilities, no new ones, seccomp: $(tr '\0' ' ' < /proc/$process/cmdline)" bash -c \
        "grep -E '^(CapInh|CapPrm|CapEff|CapBnd|CapAmb):.0{16}|NoNewPrivs:.1|Seccomp:.2' /proc/$process/status | wc --lines | grep --line-regexp 7"
done

# An instance with a user that is known, on a port for which it has the right, and no other.
t "api" systemctl start rsgi.target rsgi-api
t "serves on port 80 as its user" bash -c "curl --silent --fail http://localhost/ | grep --line-regexp uid=$(id --user api)"
t "with that right alone" grep -E '^CapBnd:.0{13}400' /proc/"$(property rsgi-api MainPID)"/status
t "and can do none of it either" bash -c 'curl --silent --fail http://localhost/allowed | tee /dev/stderr | grep --line-regexp allowed=0'
t "a reload under load loses nothing" under_load 80 systemctl reload rsgi-api

# An emperor and its vassals.
mark
t "emperor" systemctl start rsgi-emperor
t "blog has told that it serves" awaited "blog.ini is now loyal"
t "wiki has told that it serves" awaited "wiki.ini is now loyal"
t "blog answers behind nginx" curl --silent --show-error --fail http://localhost:82/
t "wiki answers behind nginx" curl --silent --show-error --fail http://localhost:83/

t "stop" systemctl stop rsgi-web.socket rsgi-web rsgi-api rsgi-emperor
for unit in rsgi-web rsgi-api rsgi-emperor; do
    t "$unit has ended in order" test "$(property $unit Result) $(systemctl is-active $unit)" = "success inactive"
done
t "nothing runs" bash -c '! pgrep --list-full rsgi'
verdict
