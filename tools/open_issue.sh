#!/usr/bin/env bash
# Open an issue with a report, or add the report to the issue of that title that is open already, so that a failure of
# every week is one issue and not fifty:  tools/open_issue.sh TITLE REPORT.md
# Runs in a workflow, which sets GH_TOKEN, GH_REPO and GITHUB_...
set -euo pipefail
title=$1
report=$2

body=$(mktemp)
trap 'rm -f "$body"' EXIT
{
    if [[ -s $report ]]; then
        head -c 60000 "$report" # GitHub takes at most 65,536 characters
    else
        echo "It failed before there was a report."
    fi
    printf '\nThe run: %s/%s/actions/runs/%s\n' "$GITHUB_SERVER_URL" "$GITHUB_REPOSITORY" "$GITHUB_RUN_ID"
} >"$body"

open=$(gh issue list --state open --limit 500 --json number,title --jq '.[] | "\(.number)\t\(.title)"')
number=$(awk -F '\t' -v title="$title" '$2 == title && !seen++ { print $1 }' <<<"$open")
if [[ -n $number ]]; then
    gh issue comment "$number" --body-file "$body"
else
    gh issue create --title "$title" --body-file "$body"
fi
