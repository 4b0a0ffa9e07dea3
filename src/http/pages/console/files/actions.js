/** What is done on a click or a drop. The view loads it after the first list is shown. */

export { download } from './download.js';
export { dropZone } from './drop_zone.js';
export { moveTo } from './move.js';
export { newFolder } from './new_folder.js';
export { preview } from './preview.js';
export { remove } from './remove.js';
export { rename } from './rename.js';
export { rowMenu } from './row_menu.js';
export { share } from './share.js';
export { startUpload } from './start_upload.js';
export { uploadPanel } from './upload_panel.js';
export { queueOf } from './upload_queue.js';
