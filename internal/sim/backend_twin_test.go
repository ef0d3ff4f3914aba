package sim

func newTwinBackend() backend { panic("later") }
