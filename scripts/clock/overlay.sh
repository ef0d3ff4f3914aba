# Functions of scripts/test-race and scripts/test-clock, which source this file in the top folder.

# overlay prints the path of a file that makes the go command compile package time with a clock that
# GATESOCK_CLOCK_OFFSET moves.
overlay() {
	local clock=$PWD/.cache/clock source new
	source=$(go env GOROOT)/src/time
	mkdir -p "$clock"
	new=$(mktemp "$clock/new.XXXXXX")
	sed 's/:= runtimeNow()$/:= movedNow()/' "$source/time.go" >"$new"
	if [[ $(grep -c ':= movedNow()$' "$new") != 1 ]]; then
		rm "$new"
		echo "time.Now of $(go version) does not call runtimeNow exactly once: adapt scripts/clock to it" >&2
		return 1
	fi
	mv "$new" "$clock/time.go"
	cat >"$new" <<-END
		{"Replace": {
			"$source/time.go": "$clock/time.go",
			"$source/moved.go": "$PWD/scripts/clock/moved.go.txt"
		}}
	END
	mv "$new" "$clock/overlay.json"
	echo "$clock/overlay.json"
}

# touching IMPORTS prints the packages of the module in the current folder whose tests import one of
# our internal packages, given as an expression.
touching() {
	go list -f '{{join .TestImports " "}} {{join .XTestImports " "}} : {{.ImportPath}}' ./... |
		awk -F ' : ' -v imports="/internal/($1)( |\$)" '$1 ~ imports { print $2 }'
}
