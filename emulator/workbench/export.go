package workbench

import (
	"cmp"
	"errors"
	"math"
	"net/http"
	"strings"

	"github.com/gatesock/gatesock/emulator/workbench/internal/export"
)

// exportHAR serves what was recorded as an HTTP Archive.
func (b *Workbench) exportHAR(w http.ResponseWriter, r *http.Request) {
	ids, err := b.wanted(r)
	if err != nil {
		writeError(w, err)
		return
	}
	o := export.HAROptions{Stages: map[string]string{}, Connections: ids}
	for _, s := range b.snapshot() {
		if gw, err := s.open(); err == nil {
			o.Stages[s.name] = s.address(gw, r.Host)
		}
	}
	out, err := export.HAR(b.all(), o)
	if err != nil {
		writeError(w, err)
		return
	}
	writeFile(w, "session.har", "application/json", out)
}

// exportTest serves what was recorded as a test in Go.
func (b *Workbench) exportTest(w http.ResponseWriter, r *http.Request) {
	ids, err := b.wanted(r)
	if err != nil {
		writeError(w, err)
		return
	}
	o := export.TestOptions{Template: export.Template(b.cfg.Test), Seeds: map[string]uint64{}, Connections: ids}
	o.Package = cmp.Or(r.URL.Query().Get("package"), o.Package)
	o.New = cmp.Or(r.URL.Query().Get("new"), o.New)
	o.Name = cmp.Or(r.URL.Query().Get("name"), o.Name)
	if list := r.URL.Query().Get("imports"); list != "" {
		o.Imports = strings.Split(list, ",")
	}
	for _, s := range b.snapshot() {
		o.Seeds[s.name] = s.seed
	}
	out, err := export.Test(b.all(), o)
	switch {
	case errors.Is(err, export.ErrEmpty):
		err = failure(http.StatusNotFound, "There is nothing to export: no client has connected since recording began.")
	case err != nil:
		err = failure(http.StatusBadRequest, "package, name, new, imports: %v.", strings.TrimPrefix(err.Error(), "export: "))
	default:
		writeFile(w, "session_test.go", "text/x-go; charset=utf-8", out)
		return
	}
	writeError(w, err)
}

// wanted returns the ids of the connections that a request asks for.
func (b *Workbench) wanted(r *http.Request) (ids []string, err error) {
	for _, text := range r.URL.Query()["connection"] {
		if isNumber(text) {
			c, err := b.lookup(text, r.URL.Query().Get("stage"))
			if err != nil {
				return nil, err
			}
			text = c.ID
		}
		ids = append(ids, text)
	}
	return ids, nil
}

// all returns all entries that are kept.
func (b *Workbench) all() []Entry {
	found, _ := b.record.After(0, math.MaxInt)
	out := make([]Entry, len(found))
	for i, e := range found {
		out[i] = *e
	}
	return out
}

func writeFile(w http.ResponseWriter, name, contentType string, data []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
	_, _ = w.Write(data) // it fails if the client has gone
}
