#!/usr/bin/env bash
# A short lease of one GPU, made the most of: pack here, carry JOB there in parts, train there, bring OUT back.
#
#   bench/gpu_job.sh pack RUN JOB    texts, vocabularies and weights into JOB, in parts of at most 56 MB; arms.json
#   bench/gpu_job.sh train JOB OUT          on the GPU: a sweep, then the best arm for what is left of SECONDS_LEFT (560)
#
# The GPU machine needs python3 with torch, numpy, tokenizers, sacrebleu and gguf, and no network.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
case "${1:-}" in
pack)
    python "$here/gpu/pack.py" "$2" "$3" --base "$here/../recipes"
    cp "$here"/gpu/{train,texts,model,scores}.py "$here/gpu/arms.json" "$3/"
    ;;
train)
    export PYTHONUNBUFFERED=1 TOKENIZERS_PARALLELISM=false
    python3 "$2/train.py" "$2" "$3" --arms "$2/arms.json" --deadline "${SECONDS_LEFT:-560}"
    ;;
*)
    sed -n '2,8s/^# \{0,1\}//p' "$0"
    exit 2
    ;;
esac
