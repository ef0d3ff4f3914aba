package workbench

import (
	"net/http"

	"github.com/gatesock/gatesock/emulator"
)

type faultList struct{}
type faultState struct{}

func (b *Workbench) faultStates() []faultState { return []faultState{} }
func (b *Workbench) inherit(*Stage)            {}
func (s *Stage) struck(emulator.FaultEvent)    {}
func wip() (int, any, error) {
	return 0, nil, failure(http.StatusNotImplemented, "not yet")
}
func (b *Workbench) postFault(*http.Request) (int, any, error)    { return wip() }
func (b *Workbench) deleteFault(*http.Request) (int, any, error)  { return wip() }
func (b *Workbench) deleteFaults(*http.Request) (int, any, error) { return wip() }
func (b *Workbench) exportHAR(w http.ResponseWriter, _ *http.Request) {
	writeError(w, failure(http.StatusNotImplemented, "not yet"))
}
func (b *Workbench) exportTest(w http.ResponseWriter, _ *http.Request) {
	writeError(w, failure(http.StatusNotImplemented, "not yet"))
}
