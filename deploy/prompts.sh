#!/bin/sh
# Speaks every prompt that has no recording yet, and makes the hold music.
#
#   deploy/prompts.sh           what is missing
#   deploy/prompts.sh --all     everything anew; recordings by people, listed in prompts/<lang>/recorded.txt, are left alone
#
# Texts come from ivr-scripts/prompts/<lang>.ftl, one line per message. Out: 16-bit mono WAV at 16 kHz, trimmed and normalised.
# Needs espeak-ng and sox.
set -eu
LC_ALL=C.UTF-8
export LC_ALL
cd "$(dirname "$0")/../ivr-scripts/prompts"

all=${1:-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# espeak-ng's name for the voice, and words per minute: unhurried, but no waste of the caller's time.
voice() {
    case $1 in
        en) echo "en-us 160" ;;
        *) echo "$1 165" ;;
    esac
}

speak() { # language, id, text
    set -- "$1" "$2" "$3" $(voice "$1")
    espeak-ng -v "$4" -s "$5" -w "$work/raw.wav" -- "$3"
    # Silence goes from both ends, a little comes back: clips follow one another as words do. Dither would keep sox from being repeatable.
    sox -R -D "$work/raw.wav" -r 16000 -c 1 -b 16 "$1/$2.wav" \
        silence 1 0.01 0.4% reverse silence 1 0.01 0.4% reverse \
        gain -6 highpass 90 pad 0.02 0.12 gain -n -3
}

for ftl in *.ftl; do
    lang=${ftl%.ftl}
    mkdir -p "$lang"
    sed -n 's/^\([a-zA-Z][a-zA-Z0-9_-]*\) *= *\(..*\)$/\1|\2/p' "$ftl" | while IFS='|' read -r id text; do
        if [ -f "$lang/recorded.txt" ] && grep -qx "$id" "$lang/recorded.txt"; then continue; fi
        if [ -z "$all" ] && [ -f "$lang/$id.wav" ]; then continue; fi
        speak "$lang" "$id" "$text"
        echo "$lang/$id"
    done
done

# Hold music: four soft chords, C a F G, of plucked strings and their octave, eight seconds, faded so that it loops without a click.
if [ -n "$all" ] || [ ! -f music/hold.wav ]; then
    mkdir -p music
    chord() { # name, three notes in Hz
        sox -R -D -n -r 16000 -c 1 -b 16 "$work/$1.wav" synth 2 pluck "$2" pluck "$3" pluck "$4" pluck "$(echo "$4" | awk '{print $1 / 2}')" \
            remix - lowpass 1800 fade q 0.05 2 0.4 gain -n -12
    }
    chord c 261.63 329.63 392.00
    chord a 220.00 261.63 329.63
    chord f 174.61 220.00 261.63
    chord g 196.00 246.94 293.66
    sox -R -D "$work/c.wav" "$work/a.wav" "$work/f.wav" "$work/g.wav" music/hold.wav gain -n -14
    echo music/hold
fi
