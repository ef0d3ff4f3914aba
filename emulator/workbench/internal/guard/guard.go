// Package guard decides which requests the workbench serves: those of this machine, for a name of
// this machine, by its own pages, with its token.
package guard

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
)

// Guard decides which requests are served.
type Guard struct {
	token string
	path  string
}

// New returns a guard of what is below a path, which begins and ends with a slash.
func New(token, path string) *Guard { return &Guard{token, path} }

// Refusal is why a request is not served.
type Refusal struct {
	Status int
	// Text is a sentence for the sender.
	Text string
}

// Place checks where a request comes from, and returns nil or why it is refused. The token is not
// checked.
func (g *Guard) Place(r *http.Request) *Refusal {
	forbidden := func(text string) *Refusal { return &Refusal{http.StatusForbidden, text} }
	switch {
	case !loopbackAddr(r.RemoteAddr):
		return forbidden("The workbench serves programs on its own machine only.")
	case forwarded(r.Header):
		return forbidden("The workbench serves programs on its own machine only, not what a tunnel or a proxy brings from another one.")
	case !localHost(r.Host):
		return forbidden("The workbench is served at localhost, at names below localhost and at loopback addresses only," +
			" since any other name may be a web page's name for this machine (DNS rebinding).")
	case !ownOrigin(r):
		return forbidden("The workbench does not serve pages of another origin.")
	case !ownFetch(r):
		return forbidden("The workbench does not serve pages of another site.")
	}
	return nil
}

// loopbackAddr reports whether the address of a client, with its port, is of this machine.
func loopbackAddr(address string) bool {
	ap, err := netip.ParseAddrPort(address)
	return err == nil && ap.Addr().Unmap().WithZone("").IsLoopback()
}

// forwarded reports whether a proxy on this machine, such as that of a tunnel, names another
// machine as that of the client. A header can only make the answer stricter.
func forwarded(h http.Header) bool {
	for _, name := range [...]string{"X-Forwarded-For", "X-Real-Ip"} {
		for _, values := range h.Values(name) {
			for text := range strings.SplitSeq(values, ",") {
				ip, err := netip.ParseAddr(hostname(strings.TrimSpace(text)))
				if err != nil || !ip.Unmap().WithZone("").IsLoopback() {
					return true
				}
			}
		}
	}
	return false
}

// localHost reports whether the host of a request is a name or an address of this machine that no
// web page can have bound to it.
func localHost(host string) bool {
	name := hostname(host)
	if name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(name)
	return err == nil && ip.Unmap().WithZone("").IsLoopback()
}

// hostname returns a host without its port, in lower case, or "" if the port is not a number.
func hostname(host string) string {
	if name, port, err := net.SplitHostPort(host); err == nil {
		if _, err := strconv.ParseUint(port, 10, 16); err != nil {
			return ""
		}
		host = name
	} else {
		host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// ownOrigin reports whether a request comes from a page of the host that it is for, or from no
// page. Another port is another origin.
func ownOrigin(r *http.Request) bool {
	origins := r.Header.Values("Origin")
	if len(origins) == 0 {
		return true
	}
	scheme, host, ok := strings.Cut(origins[0], "://")
	return len(origins) == 1 && ok && (scheme == "http" || scheme == "https") && strings.EqualFold(host, r.Host)
}

// ownFetch reports whether a request comes from a page of this origin or from the user, by what a
// browser sends. Other ports of this machine are the same site: their pages may only link here.
func ownFetch(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
		return true
	case "same-site":
		return r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document" &&
			(r.Method == http.MethodGet || r.Method == http.MethodHead)
	}
	return false
}

// By is who has sent a request with a valid token.
type By int

// The senders of requests.
const (
	Nobody  By = iota // without a valid token
	Browser           // with a cookie
	Script            // with the token itself
)

// Sender returns the sender of a request.
func (g *Guard) Sender(r *http.Request) By {
	if bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		if g.IsToken(strings.TrimSpace(bearer)) {
			return Script
		}
		return Nobody
	}
	for _, c := range r.CookiesNamed(cookieName(r.Host)) {
		if same(c.Value, g.cookieValue(r.Host)) {
			return Browser
		}
	}
	return Nobody
}

// IsToken reports whether a text is the token, in a time that does not depend on what is wrong.
func (g *Guard) IsToken(text string) bool { return same(text, g.token) }

func same(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

// SetCookie lets the browser that sent r use the workbench. Browsers send a cookie to all ports of
// a host. So its name has the port, and its value is valid for this host and port only, and does
// not have the token.
func (g *Guard) SetCookie(w http.ResponseWriter, r *http.Request) {
	http.SetCookie(w, &http.Cookie{
		Name: cookieName(r.Host), Value: g.cookieValue(r.Host), Path: g.path,
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: r.TLS != nil,
	})
}

func cookieName(host string) string {
	sum := sha256.Sum256([]byte(strings.ToLower(host)))
	return "gatesock-" + hex.EncodeToString(sum[:6])
}

func (g *Guard) cookieValue(host string) string {
	mac := hmac.New(sha256.New, []byte(g.token))
	_, _ = mac.Write([]byte("gatesock workbench cookie\n" + strings.ToLower(host))) // never fails
	return hex.EncodeToString(mac.Sum(nil))
}

// Headers sets the headers that all answers have.
func Headers(h http.Header) {
	h.Set("Content-Security-Policy",
		"default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
}
