package workbench

import "net/http"

func (b *Workbench) exportHAR(w http.ResponseWriter, _ *http.Request) {
	writeError(w, failure(http.StatusNotImplemented, "not yet"))
}

func (b *Workbench) exportTest(w http.ResponseWriter, _ *http.Request) {
	writeError(w, failure(http.StatusNotImplemented, "not yet"))
}
