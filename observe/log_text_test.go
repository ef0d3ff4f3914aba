package observe

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gatesock/gatesock/authz/apikey"
)

// A JSON Web Token of RFC 7515, appendix A.1, and what is left of it in a log.
const jwtExample = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." +
	"eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ." +
	"dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"

func TestScrub(t *testing.T) {
	t.Parallel()
	names := newNameClasses(nil, nil)
	for text, want := range map[string]string{
		// Tokens, wherever they are.
		"got " + jwtExample + ", refused":         "got [redacted], refused",
		"\"" + jwtExample + "\"":                  `"[redacted]"`,
		"cut " + jwtExample[:60] + "…":            "cut [redacted]",
		"x-" + jwtExample:                         "x-[redacted]",
		"https://x.test/" + jwtExample + "?a=b":   "https://x.test/[redacted]?a=b",
		"eyJ.eyJ.eyJ":                             "eyJ.eyJ.eyJ",
		"keyJwithAVeryLongNameIndeed.file.suffix": "keyJwithAVeryLongNameIndeed.file.suffix",
		"Bearer abc.def-ghi_jkl/mno+pqr==":        "Bearer [redacted]",
		"bearer s3cret.":                          "bearer [redacted]",
		"Basic dXNlcjpwYXNzd29yZA==":              "Basic [redacted]",
		"basic validation of the bearer token":    "basic validation of the bearer token",
		"there is no bearer token.":               "there is no bearer token.",
		"Bearer authentication is required":       "Bearer authentication is required",
		"bearer.opaque-token-0123456789":          "bearer.[redacted]",
		"chat.v1, bearer.opaque-token-0123456789": "chat.v1, bearer.[redacted]",
		"-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc=\n-----END RSA PRIVATE KEY-----\n": "-----BEGIN RSA PRIVATE KEY-----[redacted]-----END RSA PRIVATE KEY-----\n",
		"-----BEGIN PRIVATE KEY-----\nMIIE":                                            "-----BEGIN PRIVATE KEY-----[redacted]",
		"-----BEGIN CERTIFICATE-----\nMIIE":                                            "-----BEGIN CERTIFICATE-----\nMIIE",
		"key gs_0K3f9bQxT2mR_" + strings.Repeat("aB3", 16) + "c.":                      "key gs_0K3f9bQxT2mR_[redacted].",
		"a_name_with_underscores_that_is_long_enough_to_look":                          "a_name_with_underscores_that_is_long_enough_to_look",
		// URLs.
		`Get "https://x.test/a?token=abc&user=1": EOF`:              `Get "https://x.test/a?token=[redacted]&user=1": EOF`,
		"next=wss%3A%2F%2Fx.test%2F%3Fticket%3Dabc":                 "next=wss%3A%2F%2Fx.test%2F%3Fticket%3D[redacted]",
		"wss://x.test/?ticket=abc":                                  "wss://x.test/?ticket=[redacted]",
		"next=https%3A%2F%2Fx.test%2F%3Ftoken%3Dabc%26a&b=c":        "next=https%3A%2F%2Fx.test%2F%3Ftoken%3D[redacted]&b=c",
		"q=%7B%22token%22%3A%22abc%22%7D":                           "q=%7B%22token%22%3A[redacted]",
		"redis://user:pass@word@host:6379/0":                        "redis://user:[redacted]@host:6379/0",
		"https://ghp_0123456789abcdefghijABCDEFGHIJ@x.test/a":       "https://[redacted]@x.test/a",
		"https://ann@x.test/a":                                      "https://ann@x.test/a",
		"redis://:pass@host":                                        "redis://:[redacted]@host",
		"mailto://a@b https://x.test:443/a@b":                       "mailto://a@b https://x.test:443/a@b",
		"https://b.test/k?X-Amz-Signature=fe51&X-Amz-Date=20260101": "https://b.test/k?X-Amz-Signature=[redacted]&X-Amz-Date=20260101",
		// JSON, and JSON inside of JSON.
		`{"token":"abc","user":"ann"}`:                   `{"token":"[redacted]","user":"ann"}`,
		`{"password": "a\"b\\", "user":"ann"}`:           `{"password": "[redacted]", "user":"ann"}`,
		`{"body":"{\"apiKey\":\"abc\",\"user\":\"x\"}"}`: `{"body":"{\"apiKey\":\"[redacted]\",\"user\":\"x\"}"}`,
		`{"secret":{"a":{"b":1}},"user":1}`:              `{"secret":[redacted],"user":1}`,
		`{"cookies":["a","b"],"tokens":3,"otp":123456}`:  `{"cookies":[redacted],"tokens":3,"otp":[redacted]}`,
		`{"token":null,"password":false}`:                `{"token":null,"password":false}`,
		`{"token":"abc`:                                  `{"token":"[redacted]`,
		`{"cookies":["a]b","c"],"n":1}`:                  `{"cookies":[redacted],"n":1}`,
		`{"x":"{\"secret\":{\"a\":\"}b\"},\"n\":1}"}`:    `{"x":"{\"secret\":[redacted],\"n\":1}"}`,
		// As fmt prints.
		`{Name:ann Token:abc Age:3}`:                                                   `{Name:ann Token:[redacted] Age:3}`,
		`main.User{Name:"ann", Token:"a b"}`:                                           `main.User{Name:"ann", Token:"[redacted]"}`,
		`map[Authorization:[Bearer abc] Host:x]`:                                       `map[Authorization:[redacted] Host:x]`,
		`map[password:map[a:b] user:ann]`:                                              `map[password:map[redacted] user:ann]`,
		`http.Header{"Authorization":[]string{"Bearer a", "b"}, "Host":[]string{"x"}}`: `http.Header{"Authorization":[redacted], "Host":[]string{"x"}}`,
		`main.T{Secret:map[string]string{"a":"b}c"}, User:"ann"}`:                      `main.T{Secret:[redacted], User:"ann"}`,
		`main.T{Token:main.Secret{Value:"a b"}, User:"ann"}`:                           `main.T{Token:[redacted], User:"ann"}`,
		`main.T{Token:(*main.Secret)(0xc000012345), User:"ann"}`:                       `main.T{Token:[redacted], User:"ann"}`,
		`main.T{Cookies:[]*http.Cookie(nil), Token:[]uint8{0x61, 0x62}, N:1}`:          `main.T{Cookies:[redacted], Token:[redacted], N:1}`,
		"token: jwt.parse(x): expired":                                                 "token: jwt.parse(x): expired",
		`{Token:{Value:a b} User:ann}`:                                                 `{Token:[redacted] User:ann}`,
		`{Token:&{Value:a b} User:ann}`:                                                `{Token:[redacted] User:ann}`,
		// Header fields.
		"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Digest a=b, c=d\r\nCookie: s=1; t=2\r\n\r\n": "GET / HTTP/1.1\r\nHost: x\r\nAuthorization: [redacted]\r\nCookie: [redacted]\r\n\r\n",
		"X-Api-Key: abc def":                 "X-Api-Key: [redacted]",
		"{Cookie:a=b; c=d Name:x}":           "{Cookie:[redacted] Name:x}",
		"authorization=Bearer abc def":       "authorization=[redacted] def",
		"map[X-Api-Key:abc user:ann]":        "map[X-Api-Key:[redacted] user:ann]",
		"Authorization: [redacted]\nUser: x": "Authorization: [redacted]\nUser: x",
		// Settings.
		"PASSWORD=hunter USER=ann":       "PASSWORD=[redacted] USER=ann",
		"password = 'a b c' user = ann":  "password = '[redacted]' user = ann",
		"password: hunter2":              "password: [redacted]",
		"secret => abc":                  "secret => [redacted]",
		"password: must not be empty":    "password: must not be empty",
		"token: expired":                 "token: expired",
		"token == nil":                   "token == nil",
		"apikey: the store failed":       "apikey: the store failed",
		"tokens=12 left":                 "tokens=12 left",
		"tokenType=Bearer":               "tokenType=Bearer",
		"ratelimit: 12:30:00 user: ann":  "ratelimit: 12:30:00 user: ann",
		"":                               "",
		"ünïcode: token=gehëim passwört": "ünïcode: token=[redacted] passwört",
		"token=[redacted]":               "token=[redacted]",
	} {
		require.Equal(t, want, names.scrub(text), text)
		require.Equal(t, want, names.scrub(want), "again: %s", text)
	}
}

// A key that package authz/apikey made, with any prefix, is recognized.
func TestScrubKeysOfThePackage(t *testing.T) {
	t.Parallel()
	names := newNameClasses(nil, nil)
	rapid.Check(t, func(t *rapid.T) {
		prefix := rapid.StringMatching(`[a-z0-9]([a-z0-9_]{0,10}[a-z0-9])?`).Draw(t, "prefix")
		m := apikey.New(apikey.NewMemory(), apikey.WithPrefix(prefix))
		_, text, err := m.Create(context.Background(), apikey.Key{Owner: "ann"})
		require.NoError(t, err)
		before := rapid.SampledFrom([]string{"", " ", "x=", "\"", "(", "/"}).Draw(t, "before")
		after := rapid.SampledFrom([]string{"", " ", "\"", ".", ")", "&"}).Draw(t, "after")
		secret := text[strings.LastIndexByte(text, '_')+1:]
		require.NotContains(t, names.scrub(before+text+after), secret[:20])
	})
}

// In every form that is documented, a secret is gone, and what stands beside it stays.
func TestScrubForms(t *testing.T) {
	t.Parallel()
	names := newNameClasses(nil, nil)
	rapid.Check(t, func(t *rapid.T) {
		secret := "S3" + rapid.StringMatching(`[A-Za-z0-9]{8,40}`).Draw(t, "secret")
		name := rapid.SampledFrom([]string{"token", "accessToken", "api_key", "X-Api-Key", "PASSWORD", "client-secret", "ticket"}).Draw(t, "name")
		kept := "kept-" + rapid.StringMatching(`[a-z]{1,8}`).Draw(t, "kept")
		q := url.Values{name: {secret}, "user": {kept}}
		inner := fmt.Sprintf("{%q:%q,%q:%q}", name, secret, "user", kept)
		for form, text := range map[string]string{
			"query":        "https://x.test/?" + q.Encode(),
			"query in one": "https://x.test/?next=" + url.QueryEscape("https://y.test/?user="+kept+"&"+name+"="+secret),
			"JSON":         inner,
			"JSON in JSON": fmt.Sprintf("{%q:%q}", "text", inner),
			"three deep":   fmt.Sprintf("{%q:%q}", "text", fmt.Sprintf("{%q:%q}", "text", inner)),
			"struct":       fmt.Sprintf("%+v", struct{ User, Token string }{kept, secret}),
			"Go struct":    fmt.Sprintf("%#v", struct{ User, Token string }{kept, secret}),
			"map":          fmt.Sprint(map[string]string{name: secret, "user": kept}),
			"header":       fmt.Sprint(http.Header{name: {secret}, "User": {kept}}),
			"setting":      kept + " " + name + "=" + secret,
			"YAML":         "user: " + kept + "\n" + name + ": " + secret + "\n",
			"bearer":       kept + " Bearer " + secret,
			"password":     "amqp://" + kept + ":" + secret + "@host/",
		} {
			clean := names.scrub(text)
			require.NotContains(t, clean, secret, form)
			require.Contains(t, clean, kept, form)
		}
	})
}

func FuzzScrub(f *testing.F) {
	for _, text := range []string{jwtExample, `{"token":"abc"}`, "https://a:b@c/?token=d", "Bearer a.b.c", "\\\\\"token\\\\\":[[{", "-----BEGIN PRIVATE KEY-----"} {
		f.Add(text)
	}
	names := newNameClasses(nil, nil)
	f.Fuzz(func(t *testing.T, text string) {
		clean := names.scrub(text)
		if again := names.scrub(clean); names.scrub(again) != again {
			t.Fatalf("%q becomes %q, then %q, and then something else", text, clean, again)
		}
		// Whatever stands before it on the line, a token after a space is recognized.
		for _, planted := range []string{jwtExample, "gs_0K3f9bQxT2mR_" + strings.Repeat("aB3", 16) + "c"} {
			if strings.Contains(names.scrub(text+" "+planted), planted[len(planted)-30:]) {
				t.Fatalf("the token after %q was kept", text)
			}
		}
	})
}

// The time for hostile texts is in proportion to their length: each byte is looked at a few times.
func BenchmarkScrub(b *testing.B) {
	names := newNameClasses(nil, nil)
	for name, part := range map[string]string{
		"plain": "the handler failed because of this ", "names": "token: a ", "open": `{"token":[`, "eyJ": "-eyJ", "dots": "eyJ.",
		"underscores": "_a", "backslashes": `\`, "schemes": "bearer ", "colons": "://", "percent": "token%22%22",
	} {
		text := strings.Repeat(part, 100_000/len(part))
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				names.scrub(text)
			}
		})
	}
}
