# Ends a shared test cluster when nobody has used it for a while.
#
# Arguments: the cluster's directory, the postmaster's pid, the socket's
# directory, the seconds of quiet. Standard input is a locked file: the lock says
# that the cluster is watched, and ends with us.

root=$1 pid=$2 socket=$3 patience=$4

exec 9<"$root/users"

# Takes `users` for ourselves, if no test process holds it. The lock belongs to
# descriptor 9 and outlives the program that takes it.
take() {
    if command -v flock >/dev/null; then
        flock -x -n 9
    else
        perl -e 'use Fcntl ":flock"; open F, "<&=", 9; exit !flock(F, LOCK_EX | LOCK_NB)'
    fi
}

give_back() {
    if command -v flock >/dev/null; then
        flock -u 9
    else
        perl -e 'use Fcntl ":flock"; open F, "<&=", 9; flock(F, LOCK_UN)'
    fi
}

# Whether our postmaster still runs here. Pids are used again, hence its working
# directory too; of a zombie that cannot be read.
runs() {
    read -r first 2>/dev/null <"$root/data/postmaster.pid" || return 1
    [ "$first" = "$pid" ] || return 1
    [ ! -d /proc/self ] || [ "$(readlink "/proc/$pid/cwd")" = "$root/data" ]
}

stop() {
    kill -INT "$pid"
    tries=0
    while runs && [ $tries -lt 300 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
    if runs; then kill -QUIT "$pid"; fi
}

quiet=0
while runs; do
    if take; then
        # Each user removes `idle`: one that came and went between two looks
        # still counts.
        if [ -e "$root/idle" ]; then quiet=$((quiet + 1)); else quiet=0; fi
        : >"$root/idle"
        if [ "$quiet" -ge "$patience" ]; then stop; else give_back; fi
    else
        quiet=0
    fi
    if runs; then sleep 1; fi
done

# Never without the lock: a new cluster may have taken the place of a dead one.
if take; then rm -rf "$root/data" "$socket"; fi
