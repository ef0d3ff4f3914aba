// Package web is the chat's page: plain HTML, CSS and JavaScript, without a build step. Any web
// server can serve it; the meta elements of index.html contain the URLs of the API and the identity
// provider. Its gatesock.js is the npm package gatesock in one file.
package web

import (
	"bytes"
	"embed"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"time"
)

//go:embed index.html style.css icon.svg *.js
var files embed.FS

// policy lets the page load its own files and connect to gateways. Handler appends the identity
// provider.
const policy = "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
	"connect-src 'self' ws: wss:"

// Handler serves the page. issuer is the URL of the identity provider; without one nobody signs in.
func Handler(issuer string) (http.Handler, error) {
	page, err := files.ReadFile("index.html")
	if err != nil {
		return nil, err
	}
	csp := policy
	if issuer != "" {
		u, err := url.Parse(issuer)
		if err != nil || u.Host == "" {
			return nil, fmt.Errorf("web: the issuer %q is not an absolute URL", issuer)
		}
		const empty = `<meta name="issuer" content="">`
		page = bytes.Replace(
			page,
			[]byte(empty),
			[]byte(`<meta name="issuer" content="`+html.EscapeString(issuer)+`">`),
			1,
		)
		csp += " " + u.Scheme + "://" + u.Host
	}
	server := http.FileServerFS(files)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", csp)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Referrer-Policy", "no-referrer") // the URL may contain a code
		w.Header().Set("Cache-Control", "no-cache")
		if r.URL.Path == "/" {
			http.ServeContent(w, r, "index.html", time.Time{}, bytes.NewReader(page))
			return
		}
		server.ServeHTTP(w, r)
	}), nil
}
