package observe

import "strings"

// redacted takes the place of a secret.
const redacted = "[redacted]"

// scrub returns a text without the secrets that can be recognized in it, as [NewLogHandler]
// documents. It takes time in proportion to the length of the text.
func (n *nameClasses) scrub(text string) string {
	s := scrubber{names: n, text: text}
	for i := 0; i < len(text); {
		if !isRunByte(text[i]) {
			i = max(s.symbol(i), s.done)
			continue
		}
		end := i
		for end < len(text) && isRunByte(text[end]) {
			end++
		}
		s.run(i, end)
		i = max(end, s.done)
	}
	if s.out == nil {
		return text
	}
	return string(append(s.out, text[s.done:]...))
}

// scrubber copies a text without its secrets.
type scrubber struct {
	names *nameClasses
	text  string
	out   []byte // text[:done] without secrets; nil as long as there was none
	done  int
}

// cut leaves out a part of the text.
func (s *scrubber) cut(from, to int) {
	if from >= to {
		return
	}
	s.out = append(append(s.out, s.text[s.done:from]...), redacted...)
	s.done = to
}

// symbol handles a byte that is in no run, and returns where to go on.
func (s *scrubber) symbol(i int) int {
	if strings.HasPrefix(s.text[i:], "://") {
		return s.userinfo(i + len("://"))
	}
	// The digits of a percent escape belong to no name.
	if s.text[i] == '%' && i+2 < len(s.text) && isHex(s.text[i+1]) && isHex(s.text[i+2]) {
		return i + 3
	}
	return i + 1
}

// userinfo cuts the password out of a URL's authority (RFC 3986 §3.2), or a token in its place.
func (s *scrubber) userinfo(from int) int {
	authority := s.text[from:]
	if end := strings.IndexAny(authority, "/?# \t\r\n\"'<>"); end >= 0 {
		authority = authority[:end]
	}
	at := strings.LastIndexByte(authority, '@')
	if at < 0 {
		return from
	}
	const token = 20 // bytes, which names of users seldom have
	if colon := strings.IndexByte(authority[:at], ':'); colon >= 0 {
		s.cut(from+colon+1, from+at)
	} else if at >= token {
		s.cut(from, from+at)
	}
	return from + at
}

// run handles letters and digits that belong together: a secret itself, or the name of what
// follows.
func (s *scrubber) run(from, to int) {
	run := s.text[from:to]
	switch {
	case strings.HasPrefix(run, "-----BEGIN"):
		s.privateKey(to)
	case s.token(from, run):
	case isScheme(run):
		s.credentials(run, to)
	default:
		s.value(from, to)
	}
}

// privateKey cuts a private key in PEM (RFC 7468), whose label begins at a position.
func (s *scrubber) privateKey(label int) {
	const mark, end = "PRIVATE KEY-----", "-----END"
	head := s.text[label:min(label+40, len(s.text))]
	at := strings.Index(head, mark)
	if at < 0 {
		return
	}
	from := label + at + len(mark)
	if i := strings.Index(s.text[from:], end); i >= 0 {
		s.cut(from, from+i)
		return
	}
	s.cut(from, len(s.text))
}

// token cuts what is a secret whatever stands before it, and reports whether there was one.
func (s *scrubber) token(from int, run string) bool {
	if start, ok := jwt(run); ok {
		s.cut(from+start, from+len(run))
		return true
	}
	if start, end, ok := apiKeySecret(run); ok {
		s.cut(from+start, from+end)
		return true
	}
	// The subprotocol with which a page sends a token.
	const mark = "bearer."
	if len(run) > len(mark) && strings.EqualFold(run[:len(mark)], mark) && looksSecret(run[len(mark):]) {
		s.cut(from+len(mark), from+len(run))
		return true
	}
	return false
}

// jwt finds a JSON Web Token in a run: its header is the base64 of a JSON object, and begins with
// eyJ. A token that was cut counts as long as a part of its second part is there.
func jwt(run string) (start int, ok bool) {
	const shortestHeader = 16 // that of {"alg":"none"} has 19
	const shortestRest = 8
	last := strings.LastIndexByte(run, '.')
	for from := 0; from < last; {
		dot := from + strings.IndexByte(run[from:], '.')
		complete := last > dot || len(run)-dot > shortestRest
		for at := from; complete && dot-at >= shortestHeader; at++ {
			i := strings.Index(run[at:dot], "eyJ")
			if i < 0 {
				break
			}
			at += i
			if (at == 0 || !isAlnum(run[at-1])) && dot-at >= shortestHeader {
				return at, true
			}
		}
		from = dot + 1
	}
	return 0, false
}

// apiKeySecret finds the secret of an API key of package authz/apikey: prefix_id_secret, with an id
// of 12 letters and digits, and a secret of 49. A key that was cut counts too.
func apiKeySecret(run string) (start, end int, ok bool) {
	const id, shortest = 12, 20
	for at := 0; ; at++ {
		i := strings.IndexByte(run[at:], '_')
		if i < 0 {
			return 0, 0, false
		}
		at += i
		start = at + 1 + id + 1
		if at == 0 || start >= len(run) || run[start-1] != '_' || alnums(run[at+1:]) != id {
			continue
		}
		if n := alnums(run[start:]); n >= shortest {
			return start, start + n, true
		}
	}
}

// alnums returns the number of letters and digits that a text begins with.
func alnums(text string) int {
	n := 0
	for n < len(text) && isAlnum(text[n]) {
		n++
	}
	return n
}

// isScheme reports whether a word is an authentication scheme whose credentials are one word (RFC
// 6750, RFC 7617).
func isScheme(word string) bool {
	return strings.EqualFold(word, "bearer") || strings.EqualFold(word, "basic")
}

// credentials cuts what follows a scheme, unless it is a word that a sentence goes on with.
func (s *scrubber) credentials(scheme string, from int) {
	start := skip(s.text, from, " \t")
	end := start
	for end < len(s.text) && (isRunByte(s.text[end]) || strings.IndexByte("~+/=", s.text[end]) >= 0) {
		end++
	}
	word := strings.TrimRight(s.text[start:end], ".")
	if start > from && (looksSecret(word) || strings.EqualFold(scheme, "bearer") && len(word) >= 6 && !isAboutBearer(word)) {
		s.cut(start, end)
	}
}

func isAboutBearer(word string) bool {
	switch strings.ToLower(word) {
	case "tokens", "token_type", "authentication", "authorization", "authenticate", "credential", "credentials", "scheme",
		"schemes", "header", "prefix", "realm", "should", "cannot", "without":
		return true
	}
	return false
}

// value cuts the value that follows a name, if the name is that of a secret.
func (s *scrubber) value(from, to int) {
	at := to
	quotes := quoteAt(s.text, at)
	at += len(quotes)
	for quotes == "" && strings.HasPrefix(s.text[at:], "%22") {
		at += len("%22")
	}
	at = skip(s.text, at, " \t")
	sep := separatorAt(s.text, at)
	if sep == "" || (sep == ":" && at > to+len(quotes) && quotes == "") {
		return
	}
	name := s.text[from:to]
	class := s.names.of(name)
	if class != secret && class != secrets {
		return
	}
	after := at + len(sep)
	start := skip(s.text, after, " \t")
	opening := quoteAt(s.text, start)
	switch {
	case opening != "":
		start += len(opening)
		s.cut(start, start+quotedEnd(s.text[start:], opening))
	case goValueEnd(s.text[start:]) > 0:
		s.cut(start, start+goValueEnd(s.text[start:]))
	case strings.HasPrefix(s.text[start:], "map["):
		start += len("map")
		s.cut(start, start+nestedEnd(s.text[start:]))
	case start < len(s.text) && s.text[start] == '[':
		s.cut(start, start+nestedEnd(s.text[start:]))
	default:
		s.bare(name, class, after, start, sep == ":" && quotes == "")
	}
}

// bare cuts a value without quotes. After a colon and a space may also come a sentence about the
// secret; header fields have their own names.
func (s *scrubber) bare(name string, class class, after, start int, colon bool) {
	header := isHeaderOfSecrets(name)
	end := s.wordEnd(start, " \t\r\n&;,\"'<>)]}|\\")
	switch {
	case header && colon && start > after:
		end = s.wordEnd(start, "\r\n")
	case header:
		const ends = " \t\r\n&\"'<>)]}|\\"
		for end = s.wordEnd(start, ends); goesOn(s.text[start:end]); {
			next := skip(s.text, end, " \t")
			if next == end || next == len(s.text) {
				break
			}
			end = s.wordEnd(next, ends)
		}
	}
	value := s.text[start:end]
	switch {
	case value == "" || isWordOfJSON(value):
	case class == secrets && strings.Trim(value, "0123456789") == "":
	case colon && start > after && !header && !looksSecret(value):
	default:
		s.cut(start, end)
	}
}

// wordEnd returns where a word ends at one of some bytes.
func (s *scrubber) wordEnd(from int, ends string) int {
	if i := strings.IndexAny(s.text[from:], ends); i >= 0 {
		return from + i
	}
	return len(s.text)
}

// goesOn reports whether the value of a header field goes on after a word.
func goesOn(value string) bool {
	word := value[strings.LastIndexAny(value, " \t")+1:]
	return strings.HasSuffix(word, ";") || strings.HasSuffix(word, ",") || isScheme(word) ||
		strings.EqualFold(word, "digest") || strings.EqualFold(word, "negotiate") || strings.EqualFold(word, "token")
}

// isHeaderOfSecrets reports whether a name is that of a header field whose value goes to the end of
// the line.
func isHeaderOfSecrets(name string) bool {
	for _, end := range []string{"authorization", "cookie", "x-api-key", "x-amz-security-token", "sec-websocket-protocol"} {
		if len(name) >= len(end) && strings.EqualFold(name[len(name)-len(end):], end) {
			return true
		}
	}
	return false
}

func isWordOfJSON(value string) bool {
	return value == "true" || value == "false" || value == "null" || value == "nil"
}

// separatorAt returns what stands between a name and its value at a position, or "".
func separatorAt(text string, at int) string {
	rest := text[at:]
	switch {
	case strings.HasPrefix(rest, "=="), strings.HasPrefix(rest, "://"), strings.HasPrefix(rest, "::"):
		return ""
	case strings.HasPrefix(rest, "=>"), strings.HasPrefix(rest, ":="):
		return rest[:2]
	case strings.HasPrefix(rest, "="), strings.HasPrefix(rest, ":"):
		return rest[:1]
	case len(rest) >= 3 && (strings.EqualFold(rest[:3], "%3D") || strings.EqualFold(rest[:3], "%3A")):
		return rest[:3]
	}
	return ""
}

// quoteAt returns the quotation mark at a position with the backslashes before it, or "".
func quoteAt(text string, at int) string {
	end := skip(text, at, `\`)
	if end < len(text) && (text[end] == '"' || text[end] == '\'' || text[end] == '`') {
		return text[at : end+1]
	}
	return ""
}

// quotedEnd returns where a quoted text ends, whose opening quotation mark is given: in JSON inside
// of JSON, marks have backslashes, and those inside the text have more.
func quotedEnd(text, opening string) int {
	mark, depth := opening[len(opening)-1], len(opening)-1
	slashes := 0
	for i := range len(text) {
		switch {
		case text[i] == '\\':
			slashes++
			continue
		case text[i] == mark && (depth == 0 && slashes%2 == 0 || depth > 0 && slashes <= depth):
			return i - min(slashes, depth)
		}
		slashes = 0
	}
	return len(text)
}

// goValueEnd returns where a value ends that is in braces, such as an object of JSON, or that has
// its type before it as fmt prints it: []string{"a"}, &main.T{A:1}, (*main.T)(0xc0001234). It
// returns 0 if there is none.
func goValueEnd(text string) int {
	at := skip(text, 0, "&*(")
	for at < len(text) && (isRunByte(text[at]) || strings.IndexByte("[]*)", text[at]) >= 0) {
		at++
	}
	if at == len(text) || text[at] != '{' && (text[at] != '(' || !strings.ContainsAny(text[:at], "[]*)")) {
		return 0
	}
	return at + nestedEnd(text[at:])
}

// nestedEnd returns where the bracket at the beginning of a text is closed. Brackets in quotation
// marks do not count.
func nestedEnd(text string) int {
	opening, closing := text[0], text[0]+2 // {} and [] are two apart
	if opening == '(' {
		closing = ')'
	}
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"', '\\':
			quote := quoteAt(text, i)
			if strings.HasSuffix(quote, `"`) {
				i += len(quote) + quotedEnd(text[i+len(quote):], quote) + len(quote) - 1
			} else {
				i = max(i, skip(text, i, `\`)-1)
			}
		case opening:
			depth++
		case closing:
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return len(text)
}

func skip(text string, at int, bytes string) int {
	for at < len(text) && strings.IndexByte(bytes, text[at]) >= 0 {
		at++
	}
	return at
}

// looksSecret reports whether a word is unlikely to be one of a sentence: it is long, or has
// digits, capitals or signs where words have none.
func looksSecret(word string) bool {
	const short, long = 6, 20
	if len(word) < short || len(word) >= long {
		return len(word) >= long
	}
	for i := range len(word) {
		c := word[i]
		if '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' && i > 0 || strings.IndexByte("+/=~!@#$%^&*", c) >= 0 {
			return true
		}
	}
	return false
}

// isRunByte reports whether a byte belongs to a name, a token or a word. Bytes of letters outside
// ASCII do.
func isRunByte(c byte) bool { return isAlnum(c) || c == '_' || c == '-' || c == '.' || c >= 0x80 }

func isAlnum(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

func isHex(c byte) bool { return isAlnum(c) && (c <= '9' || c|0x20 <= 'f') }
