package idp

import (
	"crypto/rand"
	_ "embed"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

//go:embed signin.html
var pageText string

// request is a page's request to sign in (RFC 6749 §4.1.1).
type request struct {
	// Query is the query of the request, which the form sends back.
	Query    template.URL
	Name     string
	Staff    bool
	Problem  string
	query    url.Values
	redirect *url.URL
}

// read reads a request. It answers an invalid one itself, by a redirect to the page if its origin
// is known.
func (p *Provider) read(w http.ResponseWriter, r *http.Request) (request, bool) {
	q := request{query: r.URL.Query(), Query: template.URL("?" + r.URL.Query().Encode())} //nolint:gosec // encoded here
	redirect, err := url.Parse(q.query.Get("redirect_uri"))
	known := err == nil && redirect.Fragment == "" &&
		slices.Contains(p.cfg.Origins, redirect.Scheme+"://"+redirect.Host)
	if !known || q.query.Get("client_id") != p.cfg.ClientID {
		http.Error(
			w,
			"This link to sign in is broken: its client_id or its redirect_uri is not known here.",
			http.StatusBadRequest,
		)
		return request{}, false
	}
	q.redirect = redirect
	switch {
	case q.query.Get("response_type") != "code":
		q.answer(w, r, "error", "unsupported_response_type")
	case q.query.Get("code_challenge") == "" || q.query.Get("code_challenge_method") != "S256":
		q.answer(w, r, "error", "invalid_request")
	default:
		return q, true
	}
	return request{}, false
}

// answer redirects the browser to the page with a result.
func (q *request) answer(w http.ResponseWriter, r *http.Request, name, value string) {
	back := *q.redirect
	query := back.Query()
	query.Set(name, value)
	query.Set("state", q.query.Get("state"))
	back.RawQuery = query.Encode()
	http.Redirect(w, r, back.String(), http.StatusSeeOther)
}

// page shows the form.
func (p *Provider) page(w http.ResponseWriter, r *http.Request) {
	if q, ok := p.read(w, r); ok {
		q.Name = q.query.Get("login_hint")
		p.show(w, http.StatusOK, q)
	}
}

func (p *Provider) show(w http.ResponseWriter, status int, q request) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	csp := "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
	if !strings.Contains(q.redirect.Host, "[") { // a policy cannot contain IPv6 addresses
		csp += " " + q.redirect.Scheme + "://" + q.redirect.Host
	}
	h.Set("Content-Security-Policy", csp)
	w.WriteHeader(status)
	if err := template.Must(template.New("page").Parse(pageText)).Execute(w, q); err != nil {
		slog.Debug("idp: writing the page", "error", err) // the client is gone
	}
}

// signIn handles the form.
func (p *Provider) signIn(w http.ResponseWriter, r *http.Request) {
	q, ok := p.read(w, r)
	if !ok {
		return
	}
	if r.PostFormValue("cancel") != "" {
		q.answer(w, r, "error", "access_denied")
		return
	}
	q.Staff = r.PostFormValue("staff") != ""
	if q.Name, q.Problem = checkName(r.PostFormValue("name")); q.Problem != "" {
		p.show(w, http.StatusUnprocessableEntity, q)
		return
	}
	code := rand.Text()
	p.keep(code, grant{
		person: person{
			q.Name,
			granted(q.query, q.Staff),
		},
		redirect:  q.query.Get("redirect_uri"),
		challenge: q.query.Get("code_challenge"),
	})
	q.answer(w, r, "code", code)
}

// checkName returns a name without surrounding space, and what is wrong with it.
func checkName(text string) (name, problem string) {
	name = strings.TrimSpace(text)
	isOther := func(c rune) bool { return !unicode.IsPrint(c) }
	if n := utf8.RuneCountInString(name); n < 1 || n > 32 || strings.ContainsFunc(name, isOther) {
		return name, "Enter a name of 1 to 32 characters."
	}
	return name, ""
}
