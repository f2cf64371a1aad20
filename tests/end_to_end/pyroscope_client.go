// Sends one upload of each kind by Grafana's own client, to the address given: what ours is compared with.
package main

import (
	"os"
	"time"

	"github.com/grafana/pyroscope-go"
)

var kept [][]byte

func burn(until time.Time) int {
	n := 0
	for time.Now().Before(until) {
		n++
		if n%1000000 == 0 {
			kept = append(kept, make([]byte, 65536))
		}
	}
	return n
}

func main() {
	profiler, err := pyroscope.Start(pyroscope.Config{
		ApplicationName:   "svc",
		ServerAddress:     os.Args[1],
		BasicAuthUser:     "user",
		BasicAuthPassword: "secret",
		TenantID:          "tenant",
		UploadRate:        time.Second,
		Tags:              map[string]string{"region": "eu"},
		ProfileTypes: []pyroscope.ProfileType{
			pyroscope.ProfileCPU, pyroscope.ProfileAllocObjects, pyroscope.ProfileAllocSpace,
			pyroscope.ProfileInuseObjects, pyroscope.ProfileInuseSpace},
	})
	if err != nil {
		panic(err)
	}
	burn(time.Now().Add(2500 * time.Millisecond))
	if err := profiler.Stop(); err != nil {
		panic(err)
	}
}
