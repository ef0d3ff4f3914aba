package recipes

import (
	"time"

	"github.com/gatesock/gatesock"
)

func newPatientRouter() *gatesock.Router {
	r := gatesock.New()
	r.Use(gatesock.Recover(), gatesock.Timeout(25*time.Second))
	return r
}
