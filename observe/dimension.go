package observe

import (
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/gatesock/gatesock/internal/jsonscan"
)

// mostAPIs is how many pairs of an API and a stage have metrics of their own. A function is behind
// one or a few. Callers that may invoke it could make up others, and each would be metrics
// that are paid for.
const mostAPIs = 20

// apis knows the APIs and stages that have metrics.
type apis struct {
	latest atomic.Pointer[api]

	mu    sync.Mutex
	known map[string]*api
}

// api is an API and a stage, and the members of their dimensions in JSON.
type api struct {
	id, stage  string
	dimensions []byte // with the comma before them
}

// dimensions returns the members for an API and a stage, with the comma before them.
func (a *apis) dimensions(id, stage string, o *Observer) []byte {
	if last := a.latest.Load(); last != nil && last.id == id && last.stage == stage {
		return last.dimensions
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	key := id + "\x00" + stage
	found := a.known[key]
	switch {
	case found != nil:
	case len(a.known) < mostAPIs:
		found = newAPI(id, stage)
		if a.known == nil {
			a.known = make(map[string]*api)
		}
		a.known[strings.Clone(key)] = found
	default:
		found = a.theOthers(o)
		return found.dimensions
	}
	a.latest.Store(found)
	return found.dimensions
}

// theOthers returns what stands for all APIs above the bound, and logs once that there are any.
func (a *apis) theOthers(o *Observer) *api {
	const key = ""
	found := a.known[key]
	if found == nil {
		found = newAPI(other, other)
		a.known[key] = found
		o.activeLogger().Warn("observe: events name more APIs and stages than have metrics of their own; "+
			"the metrics of others have the dimensions \"other\"", slog.Int("limit", mostAPIs))
	}
	return found
}

func newAPI(id, stage string) *api {
	found := &api{id: strings.Clone(id), stage: strings.Clone(stage)}
	found.dimensions = appendDimension([]byte{','}, dimensionAPI, id)
	found.dimensions = appendDimension(append(found.dimensions, ','), dimensionStage, stage)
	return found
}

// mostDimension is how long the value of a dimension is at most (Amazon CloudWatch API Reference,
// "Dimension": 1 to 1024 ASCII characters without control characters, not only space).
const mostDimension = 1024

// appendDimension appends the member of a dimension. CloudWatch would drop the metric if it refused
// the value, so a character that it refuses becomes a question mark.
func appendDimension(b []byte, name, value string) []byte {
	b = append(b, '"')
	b = append(b, name...)
	b = append(b, `":`...)
	if strings.TrimSpace(value) == "" {
		return append(b, `"unknown"`...)
	}
	value = cut(value, mostDimension)
	if strings.ContainsFunc(value, refused) {
		value = strings.Map(func(r rune) rune {
			if refused(r) {
				return '?'
			}
			return r
		}, value)
	}
	return jsonscan.AppendString(b, value)
}

// refused reports whether a dimension cannot have a character.
func refused(r rune) bool { return r < ' ' || r > '~' }
