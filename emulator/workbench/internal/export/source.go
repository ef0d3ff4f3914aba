package export

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// writeFile returns the source of a test file, not formatted yet.
func writeFile(sessions []*session, o TestOptions) string {
	var body strings.Builder
	helpers := map[string]bool{}
	for _, s := range sessions {
		name := o.Name
		if len(sessions) > 1 {
			name += "_" + stageName(s.stage)
		}
		w := &writer{session: s, values: newValues(s), helpers: helpers}
		body.WriteString("\n" + w.test(name))
	}
	body.WriteString(helperSource(helpers, o))
	var b strings.Builder
	b.WriteString(header(sessions, o))
	fmt.Fprintf(&b, "\npackage %s\n\nimport (\n", o.Package)
	standard, others := imports(body.String(), o.Imports)
	for _, path := range standard {
		b.WriteString("\t" + path + "\n")
	}
	b.WriteString("\n")
	for _, path := range others {
		b.WriteString("\t" + path + "\n")
	}
	b.WriteString(")\n")
	b.WriteString(body.String())
	return b.String()
}

func stageName(stage string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return '_'
	}, strings.ToValidUTF8(stage, "_"))
}

// header returns the comment at the top of the file.
func header(sessions []*session, o TestOptions) string {
	if o.Header != "" {
		var b strings.Builder
		for line := range strings.Lines(o.Header) {
			b.WriteString(strings.TrimRight("// "+oneLine(strings.TrimPrefix(line, "//")), " ") + "\n")
		}
		return b.String()
	}
	var b strings.Builder
	b.WriteString("// A session that the workbench of gatesock recorded.\n//\n")
	for _, s := range sessions {
		messages := 0
		for _, st := range s.steps {
			for _, a := range st.does {
				if a.kind == sends {
					messages++
				}
			}
		}
		stage := "Recorded"
		if s.stage != "" {
			stage = "Stage " + strconv.Quote(s.stage) + ","
		}
		fmt.Fprintf(&b, "// %s %s: %s, %s.\n", stage, s.first.UTC().Format(time.RFC3339),
			plural(len(s.clients), "client"), plural(messages, "message"))
		if s.byChance() {
			fmt.Fprintf(&b, "// The seed of its faults was %d.\n", o.Seeds[s.stage])
		}
	}
	b.WriteString("//\n// Check by hand:\n")
	for _, line := range advice(sessions, o) {
		bullet := "- "
		if strings.HasPrefix(line, " ") { // it goes on
			bullet = ""
		}
		b.WriteString("//   " + bullet + line + "\n")
	}
	return b.String()
}

// advice returns what the author of a test should check.
func advice(sessions []*session, o TestOptions) (lines []string) {
	has := func(is func(*step) bool) bool {
		return slices.ContainsFunc(sessions, func(s *session) bool { return slices.ContainsFunc(s.steps, is) })
	}
	if o.New == "" {
		lines = append(lines, "newApp must return the application.")
	}
	lines = append(lines, "${name} stands for a value that is another one in each run. Are these the right ones?")
	if has(func(st *step) bool { return st.foreign && len(st.effects) > 0 }) {
		lines = append(lines, "Frames that no client of the test caused are in comments.")
	}
	switch together := slices.ContainsFunc(sessions, (*session).putsInARow); {
	case together && o.NoBubble:
		lines = append(lines, "Without a bubble, handlers run one after the other. In the recording some ran at the same time: what",
			"  was done, and what clients received, while one of them waited comes after it here, and may differ.")
	case together:
		lines = append(lines, "Some messages were handled at the same time. The test sends them one after the other.")
	}
	if slices.ContainsFunc(sessions, (*session).strikesSome) {
		lines = append(lines, "A fault strikes some calls. It strikes others if the application posts in another order each time.")
	}
	if slices.ContainsFunc(sessions, func(s *session) bool { return s.fromTheMiddle }) {
		lines = append(lines, "The recording begins in the middle: earlier entries or handshakes are missing. The test begins with",
			"  nothing, so that what depends on what was before, such as offsets and members, is not exact.")
	}
	if slices.ContainsFunc(sessions, (*session).byChance) && len(o.Connections) > 0 {
		lines = append(lines, "Faults by chance depend on all connections, and the test has some of them.")
	}
	if has(func(st *step) bool {
		return slices.ContainsFunc(st.does, func(a action) bool { return a.kind == refused })
	}) {
		lines = append(lines, "Handshakes that were refused have all headers, secrets too.")
	}
	return lines
}

func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return strconv.Itoa(n) + " " + thing + "s"
}

// packages are those that the source of a test may use.
func packages() map[string]string {
	const module = "github.com/gatesock/gatesock"
	return map[string]string{
		"errors": "errors", "strconv": "strconv", "strings": "strings", "testing": "testing", "synctest": "testing/synctest",
		"time":   "time",
		"lambda": "github.com/aws/aws-lambda-go/lambda", "gatesock": module, "authz": module + "/authz",
		"emulator": module + "/emulator", "wstest": module + "/wstest",
	}
}

var (
	qualified = regexp.MustCompile(`\b([a-z]+)\.[A-Z]`)
	// literals are texts and comments, in which nothing is used.
	literals = regexp.MustCompile("`[^`]*`|\"(?:[^\"\\\\\n]|\\\\.)*\"|//[^\n]*")
)

// imports returns the imports of a source: those of the standard library, and others.
func imports(source string, own []string) (standard, others []string) {
	all := map[string]bool{}
	known := packages()
	for _, m := range qualified.FindAllStringSubmatch(literals.ReplaceAllString(source, `""`), -1) {
		if path, ok := known[m[1]]; ok {
			all[strconv.Quote(path)] = true
		}
	}
	for _, spec := range own {
		name, path, named := strings.Cut(strings.TrimSpace(spec), " ")
		if !named {
			name, path = "", name
		}
		path = strconv.Quote(strings.Trim(strings.TrimSpace(path), "\"`"))
		if name != "" {
			path = name + " " + path
		}
		all[path] = true
	}
	for spec := range all {
		_, path, _ := strings.Cut(spec, `"`)
		if first, _, _ := strings.Cut(path, "/"); strings.Contains(first, ".") {
			others = append(others, spec)
		} else {
			standard = append(standard, spec)
		}
	}
	byPath := func(a, b string) int {
		_, pathA, _ := strings.Cut(a, `"`)
		_, pathB, _ := strings.Cut(b, `"`)
		return strings.Compare(pathA, pathB)
	}
	slices.SortFunc(standard, byPath)
	slices.SortFunc(others, byPath)
	return standard, others
}

// helperSource returns the functions that the test needs.
func helperSource(needed map[string]bool, o TestOptions) string {
	var b strings.Builder
	if o.New == "" {
		b.WriteString(`
// newApp returns the application, which posts through rec. Write it, for example:
//
//	return chat.NewInMemory(rec).Handler()
func newApp(t *testing.T, rec *wstest.Recorder) lambda.Handler {
	t.Helper()
	t.Fatal("write newApp: it returns the application that this test is about")
	return nil
}
`)
	}
	for _, h := range helpers() {
		if !needed[h.name] {
			continue
		}
		replace := strings.NewReplacer("// "+h.name+" ", "// "+o.nameOf(h.name)+" ", "func "+h.name+"(", "func "+o.nameOf(h.name)+"(")
		b.WriteString(replace.Replace(h.source))
	}
	return b.String()
}

// nameOf returns the name of a helper.
func (o TestOptions) nameOf(helper string) string {
	if o.Name == defaultName {
		return helper
	}
	return helper + strings.TrimPrefix(o.Name, "Test")
}

// helper is a function that tests need. A test with a name of its own has it under a name of its
// own, so that several tests can be in one package.
type helper struct{ name, source string }

func helpers() []helper {
	return []helper{
		{"times", `
// times returns functions that let time pass. At waits until so much time has passed since now, in
// the bubble, which the application is in, and for the gateway. Move moves only the gateway's
// clock.
func times(h *wstest.Harness) (at, move func(d time.Duration)) {
	begun, of := time.Now(), h.Now()
	at = func(d time.Duration) {
		time.Sleep(time.Until(begun.Add(d)))
		synctest.Wait()
		if behind := time.Since(begun) - h.Now().Sub(of); behind > 0 {
			h.Advance(behind)
		}
	}
	move = func(d time.Duration) {
		of = of.Add(d)
		h.Advance(d)
	}
	return at, move
}
`},
		{"start", `
// start begins something that other things happen beside. The function that it returns waits until
// it has been done.
func start(f func()) (end func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	synctest.Wait()
	return func() { <-done }
}
`},
		{"post", `
// post sends a message to a client by @connections, as somebody did by hand, and had this status.
func post(t *testing.T, h *wstest.Harness, c *wstest.Client, text string, status int) {
	t.Helper()
	err := h.Gateway().Post(t.Context(), gatesock.Target{ConnectionID: c.ID()}, []byte(text))
	if got := emulator.StatusOf(err); got != status {
		t.Errorf("a post to %s has the status %d, not %d: %v", c, got, status, err)
	}
}
`},
		{"sendFragmented", `
// sendFragmented sends a message in frames of at most 32 KiB, as clients must if it is larger.
func sendFragmented(t *testing.T, h *wstest.Harness, c *wstest.Client, text string) {
	t.Helper()
	s, ok := h.Gateway().Session(c.ID())
	if !ok {
		t.Fatalf("%s is not connected", c)
	}
	m := emulator.Message{Data: []byte(text)}
	for size := len(text); size > 0; size -= gatesock.MaxFrameSize {
		m.Frames = append(m.Frames, min(size, gatesock.MaxFrameSize))
	}
	if err := s.Receive(t.Context(), m); err != nil {
		t.Fatal(err)
	}
}
`},
		{"disconnect", `
// disconnect lets the gateway close a connection, as somebody did by hand.
func disconnect(t *testing.T, h *wstest.Harness, c *wstest.Client, code int, reason string) {
	t.Helper()
	s, ok := h.Gateway().Session(c.ID())
	if !ok {
		t.Fatalf("%s is not connected", c)
	}
	if err := s.Disconnect(t.Context(), emulator.CloseStatus{Code: code, Reason: reason}); err != nil {
		t.Error(err)
	}
}
`},
	}
}
