// Package web is the dashboard: plain HTML, CSS and JavaScript, without a build step. Any web
// server can serve it beside GET /config and POST /tickets of the app. Two of its files are copies:
// gatesock.js is the npm package gatesock, and uplot.js, with uplot.css, the package uPlot.
package web

import (
	"embed"
	"net/http"
)

//go:embed index.html *.css icon.svg *.js uplot.LICENSE
var files embed.FS

// policy lets the page load its own files and connect to gateways, and nothing else.
const policy = "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'; " +
	"connect-src 'self' ws: wss:"

// Handler returns the handler that serves the page, which is index.html at "/". It is safe for
// concurrent use.
func Handler() http.Handler {
	server := http.FileServerFS(files)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", policy)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Referrer-Policy", "no-referrer")
		w.Header().Set("Cache-Control", "no-cache")
		server.ServeHTTP(w, r)
	})
}
