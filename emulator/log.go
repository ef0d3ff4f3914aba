package emulator

import (
	"log/slog"

	"github.com/gatesock/gatesock/internal/oneline"
)

// maxLogged is how many bytes of what a client or a handler says the log has at a time.
const maxLogged = 2000

// logged is an attribute of the log whose value is not the gateway's own.
func logged(key, value string) slog.Attr { return slog.String(key, oneline.Of(value, maxLogged)) }

func loggedError(err error) slog.Attr { return logged("error", err.Error()) }
