#!/bin/sh
# Runs the steps in this folder one after another, by hand or as a job of a queue:
#     VASP="mpirun -np 16 vasp_std" POTCARS=/path/to/potpaw_PBE sh run.sh
# POTCARS holds a folder per potential, Si/POTCAR; a step with a POTCAR of its own keeps it. Finished steps are left alone,
# so that the script goes on where it was stopped. Later steps get the crystal that a relaxation found.
set -eu
case "${POTCARS:-/}" in /*) ;; *) POTCARS="$PWD/$POTCARS" ;; esac
cd "$(dirname "$0")"

waits() { # whether a step is to run
    [ -d "$1" ] && ! grep -qs "</modeling>" "$1/vasprun.xml"
}

run() { # a step
    if ! waits "$1"; then return 0; fi
    if [ ! -f "$1/POTCAR" ]; then # whole or not at all
        while read -r symbol; do cat "$POTCARS/$symbol/POTCAR"; done < "$1/POTCAR.spec" > "$1/POTCAR.part"
        mv "$1/POTCAR.part" "$1/POTCAR"
    fi
    echo "$1"
    (cd "$1" && $VASP > vasp.out)
}

renew() { # inputs of the steps after a relaxation that have not begun
    relaxation=$1
    shift
    steps=
    for step; do
        if [ -d "$step" ] && [ ! -f "$step/vasprun.xml" ]; then steps="$steps${steps:+,}$step"; fi
    done
    if [ -d "$relaxation" ] && [ -n "$steps" ]; then wyckforge dft inputs "$relaxation" --out . --steps "$steps"; fi
}

run relax
renew relax static bands phonon mp_relax
run static
if waits bands && [ -d static ]; then cp static/CHGCAR bands/; fi
run bands
run phonon
run mp_relax
renew mp_relax mp_static
run mp_static
