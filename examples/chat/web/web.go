// Package web is the chat's page: plain HTML, CSS and JavaScript, without a build. It can be served from
// anywhere; the meta element "gateway" in index.html says where the API is.
package web

import (
	"embed"
	"net/http"
)

//go:embed index.html style.css icon.svg *.js
var files embed.FS

// policy lets the page load what is its own, and connect to gateways.
const policy = "default-src 'self'; connect-src 'self' ws: wss:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Handler serves the page.
func Handler() http.Handler {
	server := http.FileServerFS(files)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", policy)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-cache")
		server.ServeHTTP(w, r)
	})
}
