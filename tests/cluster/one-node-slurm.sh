#!/usr/bin/env bash
# A Slurm of one node on this machine, for tests/it/slurm.rs: munged, slurmctld, slurmd. Needs root, and Debian's
# packages slurm-wlm and munge, which it installs where apt-get can.
#
#     tests/cluster/one-node-slurm.sh start DIR     configuration, state and logs below DIR
#     tests/cluster/one-node-slurm.sh stop DIR      ends the daemons that `start` started
#
# Then the tests find it:
#
#     SLURM_CONF=DIR/slurm.conf DYTB_SLURM=DIR cargo test --test it slurm
set -euo pipefail

action=${1:-} dir=${2:-}
[ -n "$dir" ] || { sed -n '2,10s/^# \{0,1\}//p' "$0"; exit 2; }
host=$(hostname -s)

case $action in
start)
    command -v slurmctld >/dev/null ||
        { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq slurm-wlm munge; } >/dev/null
    mkdir -p "$dir/state" "$dir/spool" /run/munge
    dir=$(cd "$dir" && pwd)
    export SLURM_CONF=$dir/slurm.conf
    # Without RequeueExit: a task that writes a checkpoint and ends asks for its requeueing itself.
    cat >"$SLURM_CONF" <<CONF
ClusterName=one
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
KillWait=30
MaxArraySize=10001
MpiDefault=none
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/slurmd.pid
SlurmctldLogFile=$dir/slurmctld.log
SlurmdLogFile=$dir/slurmd.log
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc) RealMemory=2000 State=UNKNOWN
PartitionName=p Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
    grep -qw "$host" /etc/hosts || echo "127.0.0.1 $host" >>/etc/hosts
    chown munge:munge /run/munge
    munge -n >/dev/null 2>&1 || runuser -u munge -- munged
    slurmctld -f "$SLURM_CONF"
    slurmd -f "$SLURM_CONF"
    for _ in $(seq 40); do sinfo -h -t idle | grep -q . && break; sleep 0.5; done
    # One that runs nothing is no Slurm.
    timeout 60 srun --ntasks=1 --chdir=/ true
    ;;
stop)
    for name in slurmd slurmctld; do
        [ -f "$dir/$name.pid" ] && kill "$(cat "$dir/$name.pid")" 2>/dev/null || true
    done
    ;;
esac
