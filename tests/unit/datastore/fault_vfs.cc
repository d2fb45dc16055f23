#include "fault_vfs.h"

#include <sqlite3.h>

#include <atomic>
#include <cstring>

namespace kist::datastore {
namespace {

std::atomic<int> fault_kind{0};
std::atomic<int> calls_left{0};
std::atomic<bool> lasting_fault{false};
std::atomic<bool> fired{false};

// Whether this call fails.
bool fails() {
  if (fault_kind.load() == static_cast<int>(Fault::kNone)) return false;
  const int left = calls_left.fetch_sub(1);
  if (left == 1 || (left < 1 && lasting_fault.load())) {
    fired = true;
    return true;
  }
  return false;
}

int write_error() {
  return fault_kind.load() == static_cast<int>(Fault::kDiskFull) ? SQLITE_FULL : SQLITE_IOERR_WRITE;
}

sqlite3_vfs* real_vfs() {
  static sqlite3_vfs* const real = sqlite3_vfs_find(nullptr);
  return real;
}

// The file of the real VFS lies right behind ours.
sqlite3_file* real(sqlite3_file* file) { return reinterpret_cast<sqlite3_file*>(file + 1); }

int file_close(sqlite3_file* f) { return real(f)->pMethods->xClose(real(f)); }
int file_read(sqlite3_file* f, void* to, int count, sqlite3_int64 at) {
  return real(f)->pMethods->xRead(real(f), to, count, at);
}
int file_write(sqlite3_file* f, const void* from, int count, sqlite3_int64 at) {
  if (!fails()) return real(f)->pMethods->xWrite(real(f), from, count, at);
  // Half of it arrives, as on a disk that fills up.
  real(f)->pMethods->xWrite(real(f), from, count / 2, at);
  return write_error();
}
int file_truncate(sqlite3_file* f, sqlite3_int64 size) {
  return fails() ? SQLITE_IOERR_TRUNCATE : real(f)->pMethods->xTruncate(real(f), size);
}
int file_sync(sqlite3_file* f, int flags) {
  return fails() ? SQLITE_IOERR_FSYNC : real(f)->pMethods->xSync(real(f), flags);
}
int file_size_of(sqlite3_file* f, sqlite3_int64* size) {
  return real(f)->pMethods->xFileSize(real(f), size);
}
int file_lock(sqlite3_file* f, int level) { return real(f)->pMethods->xLock(real(f), level); }
int file_unlock(sqlite3_file* f, int level) { return real(f)->pMethods->xUnlock(real(f), level); }
int file_reserved(sqlite3_file* f, int* out) {
  return real(f)->pMethods->xCheckReservedLock(real(f), out);
}
int file_control(sqlite3_file* f, int op, void* argument) {
  return real(f)->pMethods->xFileControl(real(f), op, argument);
}
int file_sector(sqlite3_file* f) { return real(f)->pMethods->xSectorSize(real(f)); }
int file_traits(sqlite3_file* f) { return real(f)->pMethods->xDeviceCharacteristics(real(f)); }
int file_shm_map(sqlite3_file* f, int page, int bytes, int extend, void volatile** out) {
  return real(f)->pMethods->xShmMap(real(f), page, bytes, extend, out);
}
int file_shm_lock(sqlite3_file* f, int offset, int count, int flags) {
  return real(f)->pMethods->xShmLock(real(f), offset, count, flags);
}
void file_shm_barrier(sqlite3_file* f) { real(f)->pMethods->xShmBarrier(real(f)); }
int file_shm_unmap(sqlite3_file* f, int remove) {
  return real(f)->pMethods->xShmUnmap(real(f), remove);
}

const sqlite3_io_methods kMethods = {2,
                                     file_close,
                                     file_read,
                                     file_write,
                                     file_truncate,
                                     file_sync,
                                     file_size_of,
                                     file_lock,
                                     file_unlock,
                                     file_reserved,
                                     file_control,
                                     file_sector,
                                     file_traits,
                                     file_shm_map,
                                     file_shm_lock,
                                     file_shm_barrier,
                                     file_shm_unmap,
                                     nullptr,
                                     nullptr};

int vfs_open(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out) {
  file->pMethods = nullptr;
  if (fails()) return SQLITE_CANTOPEN;
  const int code = real_vfs()->xOpen(real_vfs(), name, real(file), flags, out);
  if (code == SQLITE_OK) file->pMethods = &kMethods;
  return code;
}

}  // namespace

void install_fault_vfs() {
  static sqlite3_vfs shim;
  if (shim.zName != nullptr) return;
  shim = *real_vfs();
  shim.zName = kFaultVfs;
  shim.szOsFile = static_cast<int>(sizeof(sqlite3_file)) + real_vfs()->szOsFile;
  shim.xOpen = vfs_open;
  sqlite3_vfs_register(&shim, 0);
}

void arm_fault(Fault fault, int nth, bool lasting) {
  fired = false;
  lasting_fault = lasting;
  calls_left = nth;
  fault_kind = static_cast<int>(fault);
}

void disarm_fault() { fault_kind = static_cast<int>(Fault::kNone); }
bool fault_fired() { return fired; }

}  // namespace kist::datastore
