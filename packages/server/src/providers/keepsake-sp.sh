#!/bin/sh
# For storage providers: shows this server who you are, lists what you may take, takes it, downloads it, and says how to import it.
#
#   sh keepsake-sp.sh status              what the server knows of you
#   sh keepsake-sp.sh register ORGANISATION CITY COUNTRY CONTINENT [URL [NAME]]
#                                         ask the operator to be registered; URL is where you give out what you hold
#   sh keepsake-sp.sh list [LIMIT]        pieces you may take
#   sh keepsake-sp.sh request PIECE_CID   take one
#   sh keepsake-sp.sh pending             proposals that wait to be published
#   sh keepsake-sp.sh download [FOLDER]   fetch the bytes of all of them, and go on where it stopped
#   sh keepsake-sp.sh import [FOLDER]     print the commands that import them into Boost, and the setting for Curio
#   sh keepsake-sp.sh header              print an Authorization header; it is good for three epochs
#
# It needs curl, jq and base64, and for downloads aria2c where there is one. It changes nothing on your machine but files in FOLDER.
# From the environment:
#
#   KEEPSAKE_PROVIDER   who you are, as in f01234
#   FULLNODE_API_INFO   your Lotus node, as Lotus itself knows it: TOKEN:/ip4/127.0.0.1/tcp/1234/http. The token has to allow "sign".
#   LOTUS_URL, LOTUS_TOKEN   the same in two parts: http://127.0.0.1:1234/rpc/v1
#   KEEPSAKE_URL        the server, where it is another than the one this file came from
set -eu

KEEPSAKE_URL=${KEEPSAKE_URL:-__KEEPSAKE_URL__}

fail() {
  printf 'keepsake-sp: %s\n' "$1" >&2
  exit 1
}

# Where Lotus is, from the one form or the other.
find_lotus() {
  [ -n "${KEEPSAKE_PROVIDER:-}" ] || fail 'say who you are: KEEPSAKE_PROVIDER=f01234'
  [ -z "${LOTUS_URL:-}" ] || return 0
  [ -n "${FULLNODE_API_INFO:-}" ] || fail 'say where your Lotus node is: FULLNODE_API_INFO, or LOTUS_URL and LOTUS_TOKEN'
  LOTUS_TOKEN=${FULLNODE_API_INFO%%:/*}
  place=${FULLNODE_API_INFO#"$LOTUS_TOKEN":}
  case $place in
    http*) LOTUS_URL=${place%/}/rpc/v1 ;;
    /ip4/* | /dns/* | /dns4/*)
      host=$(printf '%s' "$place" | cut -d / -f 3)
      port=$(printf '%s' "$place" | cut -d / -f 5)
      LOTUS_URL=http://$host:$port/rpc/v1
      ;;
    *) fail "FULLNODE_API_INFO should be TOKEN:/ip4/127.0.0.1/tcp/1234/http" ;;
  esac
}

# One call to Lotus: method, parameters in JSON. The token goes through standard input, where other users cannot see it.
rpc() {
  answer=$(
    printf 'header = "Authorization: Bearer %s"\n' "${LOTUS_TOKEN:-}" |
      curl --silent --show-error --max-time 60 --config - --header 'Content-Type: application/json' \
        --data "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"Filecoin.$1\",\"params\":$2}" "$LOTUS_URL"
  ) || fail "Lotus does not answer at $LOTUS_URL"
  error=$(printf '%s' "$answer" | jq -r '.error.message // empty') || fail "what answers at $LOTUS_URL is not Lotus"
  [ -z "$error" ] || fail "Lotus refused $1: $error"
  printf '%s' "$answer" | jq -c '.result'
}

field() {
  printf '%s' "$2" | jq -er "$1" || fail "Lotus answered without $1"
}

# FIL-SPID-V0: signs the randomness of this epoch with the worker key; $1 is what else is signed.
authorize() {
  argument=$1
  # A pipe would hide that a call failed, so answers are kept first and read then.
  answer=$(rpc ChainHead '[]')
  epoch=$(field .Height "$answer")
  answer=$(rpc StateGetBeaconEntry "[$epoch]")
  beacon=$(field .Data "$answer")
  answer=$(rpc StateMinerInfo "[\"$KEEPSAKE_PROVIDER\",null]")
  worker=$(field .Worker "$answer")
  answer=$(rpc StateAccountKey "[\"$worker\",null]")
  key=$(field . "$answer")
  message=$({ printf '   '; printf '%s' "$beacon" | base64 -d; printf '%s' "$argument"; } | base64 | tr -d '\n')
  answer=$(rpc WalletSign "[\"$key\",\"$message\"]")
  signature=$(field .Data "$answer")
  header="FIL-SPID-V0 $epoch;$KEEPSAKE_PROVIDER;$signature"
  [ -z "$argument" ] || header="$header;$(printf '%s' "$argument" | base64 | tr -d '\n')"
  printf '%s' "$header"
}

# One question to the portal: path, what else is signed, method. Prints the answer; a refusal goes to standard error, with every reason.
ask() {
  header=$(authorize "${2:-}")
  answer=$(printf 'header = "Authorization: %s"\n' "$header" |
    curl --silent --show-error --max-time 120 --request "${3:-GET}" --config - "$KEEPSAKE_URL/sp/$1") || fail "$KEEPSAKE_URL does not answer"
  printf '%s' "$answer" | jq -e '.response_code' >/dev/null 2>&1 || fail "what answers at $KEEPSAKE_URL/sp/ is not the portal"
  printf '%s' "$answer" | jq -r '.info_lines // [] | .[]' >&2
  if [ "$(printf '%s' "$answer" | jq -r '.response_code')" != 200 ]; then
    fail "refused ($(printf '%s' "$answer" | jq -r '"\(.error_code) \(.error_slug)"')):
$(printf '%s' "$answer" | jq -r '.error_lines[] | "  " + .')"
  fi
  printf '%s' "$answer"
}

# Asks, and shows what jq makes of the answer: path, filter, what else is signed, method.
show() {
  told=$(ask "$1" "${3:-}" "${4:-}")
  printf '%s' "$told" | jq -r "$2"
}

# What is said of oneself, as a query.
registration() {
  jq -nr --arg organisation "$1" --arg city "$2" --arg country "$3" --arg continent "$4" --arg retrieval_url "${5:-}" --arg name "${6:-}" \
    '"call=register" + ([$ARGS.named | to_entries[] | select(.value != "") | "&\(.key)=\(.value | @uri)"] | join(""))'
}

# The proposals that wait, one a line: piece CID, URL, proposal CID.
list_pending() {
  show pending_proposals '.response.pending_proposals[] | [.piece_cid, .data_sources[0].url, .deal_proposal_cid] | @tsv'
}

download() {
  folder=$1
  mkdir -p "$folder"
  list_pending >"$folder/.pending"
  while IFS="$(printf '\t')" read -r piece url _; do
    printf 'Downloading %s\n' "$piece" >&2
    if command -v aria2c >/dev/null 2>&1; then
      aria2c --quiet --continue=true --max-connection-per-server=8 --split=8 --dir="$folder" --out="$piece.car" "$url" </dev/null ||
        fail "$piece could not be downloaded; run this again to go on"
    else
      curl --silent --show-error --fail --location --continue-at - --output "$folder/$piece.car" "$url" </dev/null ||
        fail "$piece could not be downloaded; run this again to go on"
    fi
    printf '%s\n' "$folder/$piece.car"
  done <"$folder/.pending"
  rm -f "$folder/.pending"
}

import_commands() {
  folder=$1
  waiting=$(list_pending)
  printf '# Boost\n'
  printf '%s\n' "$waiting" | while IFS="$(printf '\t')" read -r piece _ proposal; do
    [ -z "$piece" ] || printf 'boostd import-data %s %s/%s.car\n' "$proposal" "$folder" "$piece"
  done
  printf '# Curio finds the pieces by itself, with this in the configuration of its market:\n'
  printf '#   [[Market.StorageMarketConfig.PieceLocator]]\n#     URL = "%s/piece"\n' "$KEEPSAKE_URL"
}

main() {
  for program in curl jq base64; do
    command -v "$program" >/dev/null 2>&1 || fail "this needs $program"
  done
  command=${1:-help}
  [ "$command" = help ] || find_lotus
  case $command in
    status) show status .response ;;
    register)
      [ -n "${5:-}" ] || fail 'say who you are: register ORGANISATION CITY COUNTRY CONTINENT [URL [NAME]]'
      shift
      show register .response "$(registration "$@")" POST
      ;;
    list) show "eligible_pieces?limit=${2:-500}" '.response[] | [.piece_cid, .padded_piece_size, .replicas] | @tsv' ;;
    request)
      [ -n "${2:-}" ] || fail 'say which piece: request PIECE_CID'
      show "request_piece/$2" .response "call=reserve_piece&piece_cid=$2"
      ;;
    pending) show pending_proposals .response.pending_proposals ;;
    download) download "${2:-.}" ;;
    import) import_commands "${2:-.}" ;;
    header) authorize '' && echo ;;
    help | --help | -h) sed -n '2,/^set -eu/p' "$0" | sed -e '/^set -eu/d' -e 's/^# \{0,1\}//' ;;
    *) fail "there is no command $command; help lists them" ;;
  esac
}

main "$@"
