// Command panics registers something that cannot work.
package main

import "os"

type router struct{ routes map[string]bool }

func (r *router) handle(key string) {
	r.routes[key] = true
}

func main() {
	if os.Getenv("SITE") != "" {
		panic("gatesock: Handle at /app/rooms.go:12: the route \"join\" is registered already,\nsee /app/main.go:9")
	}
	new(router).handle("join")
}
