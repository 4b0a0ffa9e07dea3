/** What is done on a click. The view loads it after the first list is shown. */

export { download } from './download.js';
export { moveTo } from './move.js';
export { newFolder } from './new_folder.js';
export { preview } from './preview.js';
export { remove } from './remove.js';
export { rename } from './rename.js';
export { share } from './share.js';
export { startUpload } from './start_upload.js';
