// Package web is the page of the dashboards.
package web

import "net/http"

// Handler serves the page.
func Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("<!doctype html><title>iot</title><p>The page is not there yet."))
	})
}
