package main

import (
	_ "embed"
	"net/http"
)

//go:embed page.html
var pageHTML []byte

// page returns the handler for a page to try the chat with. It is only served on your machine. To
// publish it, copy page.html to any web server: page.html?url=wss://… connects to that API.
func page() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(pageHTML)
	})
}
